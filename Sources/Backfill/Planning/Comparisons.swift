/// Comparisons of a few vectors that a column holds with those that the job's model makes of the same texts. Until the
/// last one has passed, nothing else is asked for, read or written (P4).
struct Comparisons: Sendable {
  private struct Source {
    /// Requests that have not ended.
    var open: Int
    /// Texts whose vectors were alike.
    var alike = 0
  }

  private var sources: [Int: Source] = [:]
  private var due: [Batch] = []
  private var underWay: Set<BatchID> = []
  private var isProving: Set<Int> = []

  var isDone: Bool { sources.isEmpty }
  var isUnderWay: Bool { !underWay.isEmpty || !isProving.isEmpty }

  mutating func begin(_ source: Int) {
    sources[source, default: Source(open: 0)].open += 1
  }

  /// A request of `source` goes on as `parts`.
  mutating func split(_ source: Int, into parts: Int) {
    sources[source]?.open += parts - 1
  }

  mutating func received(_ batch: Batch) {
    due.append(batch)
  }

  /// The batches that are to be compared now.
  mutating func next() -> [Batch] {
    defer { due = [] }
    underWay.formUnion(due.map(\.id))
    return due
  }

  /// A request has ended: so many of its texts have vectors that are alike. Returns whether it was the source's last one,
  /// and none of its texts could be compared.
  mutating func ended(_ id: BatchID, of source: Int, alike: Int) -> End {
    underWay.remove(id)
    guard var state = sources[source] else { return .open }
    state.open -= 1
    state.alike += alike
    sources[source] = state
    guard state.open == 0 else { return .open }
    guard state.alike > 0 else { return .incomparable }
    isProving.insert(source)
    return .alike
  }

  enum End {
    case open, alike, incomparable
  }

  /// What `source` holds is recorded.
  mutating func proven(_ source: Int) {
    isProving.remove(source)
    sources[source] = nil
  }

  /// What was to be recorded could not be, or is not to be compared any more.
  mutating func failed() {
    underWay = []
    isProving = []
  }
}
