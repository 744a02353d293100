/// The sizes of requests that fail for their size: what is no smaller in any way is not sent to fail again.
///
/// Who refuses a request as too large says so. Who fails otherwise, and answers each part of it, shows it only in time: by
/// a few requests of the same number of texts, one after the other, with no answer to one as large between. An outage
/// fails many at once, and chance lets some pass.
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
  /// - Parameter isOfCount: whether the reply had vectors for another number of texts. No chance does that, unless
  ///   as many texts were answered before.
  mutating func partsPassed(
    of contents: Batch.Contents, sentAt: Duration, isOfCount: Bool, at now: Duration
  ) -> Bool {
    let size = Size(contents)
    if isOfCount, size.texts > mostTextsAnswered {
      Self.add(Size(texts: size.texts, tokens: 0), to: &learned)
      return true
    }
    guard let place = suspects.firstIndex(where: { $0.size.texts == size.texts }) else {
      suspects.append(Suspect(size: size, failures: 1, passedAt: now))
      return false
    }
    suspects[place].size.tokens = min(suspects[place].size.tokens, size.tokens)
    guard sentAt >= suspects[place].passedAt else { return false }
    suspects[place].passedAt = now
    suspects[place].failures += 1
    guard suspects[place].failures == Self.failuresThatProve else { return false }
    Self.add(suspects.remove(at: place).size, to: &learned)
    return true
  }

  private static func add(_ size: Size, to sizes: inout [Size]) {
    sizes.removeAll { size.isWithin($0) }
    sizes.append(size)
  }
}
