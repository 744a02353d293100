/// One pass over a source, from a key to its end.
struct Sweep: Equatable, Sendable {
  let source: Int
  /// The key behind which it began; nil for the lowest.
  let start: RowKey?
  private(set) var position: RowKey?
  private(set) var isExhausted = false
  private(set) var taken = 0
  private(set) var excluded = 0
  private(set) var condemned = 0

  init(source: Int, start: RowKey?) {
    self.source = source
    self.start = start
    position = start
  }

  mutating func read(_ page: PackedPage) {
    guard let lastKey = page.lastKey else {
      isExhausted = true
      return
    }
    position = lastKey
    taken += page.taken
    excluded += page.excluded
    condemned += page.condemned
  }

  /// Whether it proves that no row is left to do: it began at the lowest key, reached the end, and found none (P1).
  var provesCompletion: Bool { isExhausted && start == nil && taken == 0 }
}
