/// Sizes of requests that fail: what is no smaller in any way is not sent to fail again.
///
/// Most servers say that a request is too large. Others just fail. If all parts of such a request pass three times in a
/// row, and nothing as large was answered between, the size is to blame. One failure may be chance or an outage.
struct RefusedSizes: Equatable, Sendable {
  private struct Size: Equatable {
    let texts: Int
    var tokens: Int

    init(texts: Int, tokens: Int) {
      self.texts = texts
      self.tokens = tokens
    }

    init(_ contents: Batch.Contents) { self.init(texts: contents.texts.count, tokens: contents.tokenCount) }

    func isWithin(_ other: Size) -> Bool { texts <= other.texts && tokens <= other.tokens }
  }

  /// What failed without a word on its size.
  private struct Suspect: Equatable {
    /// With the fewest tokens of them.
    var size: Size
    var failures: Int
    /// When all parts of the last one that counts had passed.
    var passedAt: Duration
  }

  private var sizes: [Size] = []
  /// Sizes that nobody has told.
  private var learned: [Size] = []
  private var suspects: [Suspect] = []
  private var mostTextsAnswered = 0

  private static let failuresThatProve = 3
  /// As many prove it by the number of vectors, which no outage changes. One may be a reply to another request.
  private static let wrongCountsThatProve = 2

  mutating func add(_ contents: Batch.Contents) { Self.add(Size(contents), to: &sizes) }

  func contains(_ contents: Batch.Contents) -> Bool {
    guard !sizes.isEmpty || !learned.isEmpty else { return false }
    let size = Size(contents)
    return sizes.contains { $0.isWithin(size) } || learned.contains { $0.isWithin(size) }
  }

  /// A request was answered: nothing as large fails for its size.
  mutating func answered(_ contents: Batch.Contents) {
    let size = Size(contents)
    mostTextsAnswered = max(mostTextsAnswered, size.texts)
    suspects.removeAll { $0.size.isWithin(size) }
    learned.removeAll { $0.isWithin(size) }
  }

  /// A request failed, and all of its parts have passed; true where that shows a size which always fails.
  ///
  /// - Parameter isOfCount: whether the reply had vectors for another number of texts.
  mutating func partsPassed(
    of contents: Batch.Contents, sentAt: Duration, isOfCount: Bool, at now: Duration
  ) -> Bool {
    let size = Size(contents)
    let isByCount = isOfCount && size.texts > mostTextsAnswered
    guard let place = suspects.firstIndex(where: { $0.size.texts == size.texts }) else {
      suspects.append(Suspect(size: size, failures: 1, passedAt: now))
      return false
    }
    suspects[place].size.tokens = min(suspects[place].size.tokens, size.tokens)
    guard isByCount || sentAt >= suspects[place].passedAt else { return false }
    suspects[place].passedAt = now
    suspects[place].failures += 1
    guard suspects[place].failures >= (isByCount ? Self.wrongCountsThatProve : Self.failuresThatProve) else {
      return false
    }
    let proven = suspects.remove(at: place).size
    Self.add(isByCount ? Size(texts: proven.texts, tokens: 0) : proven, to: &learned)
    return true
  }

  private static func add(_ size: Size, to sizes: inout [Size]) {
    sizes.removeAll { size.isWithin($0) }
    sizes.append(size)
  }
}
