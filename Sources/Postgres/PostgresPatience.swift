/// How long an operation on PostgreSQL is tried again: a value that each error uses up a bit.
package struct PostgresPatience: Sendable {
  /// How often another transaction may be in the way. The default is 4.
  package var conflicts: Int
  /// How often the connection may be lost or refused. The default is 12, which is about 40 s.
  package var losses: Int
  /// For how long it may be lost or refused, in place of how often.
  package var limit: Duration?
  private var tried = 0
  private var firstLoss: ContinuousClock.Instant?

  package init(conflicts: Int = 4, losses: Int = 12, limit: Duration? = nil) {
    self.conflicts = conflicts
    self.losses = losses
    self.limit = limit
  }

  /// How long to wait before the next attempt; nil to give up. `chance` is from 0 up to 1.
  package mutating func delay(after error: PostgresError, chance: Double) -> Duration? {
    guard error.isTransient else { return nil }
    if error.isConflict {
      guard conflicts > 0 else { return nil }
      conflicts -= 1
    } else if let limit {
      let first = firstLoss ?? .now
      firstLoss = first
      guard ContinuousClock.now - first < limit else { return nil }
    } else {
      guard losses > 0 else { return nil }
      losses -= 1
    }
    let ceiling = min(0.1 * Double(1 << min(tried, 10)), 5)
    tried += 1
    return .seconds(ceiling * (0.5 + chance / 2))
  }
}
