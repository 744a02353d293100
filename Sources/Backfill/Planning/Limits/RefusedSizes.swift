/// The sizes of requests that were refused as too large: what is no smaller in any way is not sent to be refused again.
struct RefusedSizes: Equatable, Sendable {
  private struct Size: Equatable {
    let texts: Int
    let tokens: Int

    init(_ contents: Batch.Contents) {
      texts = contents.texts.count
      tokens = contents.tokenCount
    }

    func isWithin(_ other: Size) -> Bool { texts <= other.texts && tokens <= other.tokens }
  }

  private var sizes: [Size] = []

  mutating func add(_ contents: Batch.Contents) {
    let size = Size(contents)
    sizes.removeAll { size.isWithin($0) }
    sizes.append(size)
  }

  func contains(_ contents: Batch.Contents) -> Bool {
    guard !sizes.isEmpty else { return false }
    let size = Size(contents)
    return sizes.contains { $0.isWithin(size) }
  }
}
