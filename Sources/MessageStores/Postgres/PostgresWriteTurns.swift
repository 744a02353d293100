/// Which writes may go on side by side.
///
/// Two writes have no row in common, but a trigger may take one lock for both of them, as on a row that counts others.
/// Where a write meets such a lock beside another, it is done again alone, and so are those that come next.
actor PostgresWriteTurns {
  private var running = 0
  private var alone = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// So many writes go one after another before two are tried side by side again.
  private static let mostAlone = 100

  /// Waits for a turn; returns whether other writes are under way. Call `end` after it.
  func begin() async -> Bool {
    while alone > 0, running > 0 { await withCheckedContinuation { waiting.append($0) } }
    alone = max(0, alone - 1)
    running += 1
    return running > 1
  }

  func end() {
    running -= 1
    let next = waiting
    waiting = []
    for turn in next { turn.resume() }
  }

  /// A write was in another's way.
  func separate() { alone = Self.mostAlone }
}
