/// The sizes of requests that were refused as too large: what is no smaller in any way is not sent to be refused again.
struct RefusedSizes: Equatable, Sendable {
  private struct Size: Equatable {
    let inputs: Int
    let tokens: Int

    func isWithin(_ other: Size) -> Bool { inputs <= other.inputs && tokens <= other.tokens }
  }

  private var sizes: [Size] = []

  mutating func add(_ contents: Batch.Contents) {
    let size = Size(inputs: contents.inputs.count, tokens: contents.tokenCount)
    sizes.removeAll { size.isWithin($0) }
    sizes.append(size)
  }

  func contains(_ contents: Batch.Contents) -> Bool {
    guard !sizes.isEmpty else { return false }
    let size = Size(inputs: contents.inputs.count, tokens: contents.tokenCount)
    return sizes.contains { $0.isWithin(size) }
  }
}
