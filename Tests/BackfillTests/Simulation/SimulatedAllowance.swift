@testable import Backfill

/// What processes share in the database, as `PostgresAllowance` keeps it: a claim reads the pool, and writes it back if
/// nobody has changed it meanwhile.
struct SimulatedAllowance {
  private struct Money {
    var row: ShareRow
    var changed: Double
  }

  private(set) var pool: SharedPool
  private(set) var version = 0
  private var money: [Money] = []
  /// Writes that came too late, since another process had changed the pool.
  private(set) var overtaken = 0

  init(at now: Double) {
    pool = SharedPool(at: now)
  }

  func read(for member: ShareMember, at now: Double) -> ShareReading {
    func isOwn(_ row: ShareRow) -> Bool {
      row.participant == member.participant || row.participant.hasPrefix(member.participant + ShareRow.separator)
    }
    let others = money.filter { !isOwn($0.row) }
    return ShareReading(
      pool: pool, at: now, rows: money.map(\.row).filter(isOwn), others: others.reduce(0) { $0 + $1.row.committed },
      mayReturn: others.filter { abs(now - $0.changed) < 2 * SharedPool.lifetime }.reduce(0) { $0 + $1.row.reserved })
  }

  /// What all others see that one has spent and reserved, by its latest claim.
  func committed(by member: ShareMember) -> Double {
    money.first { $0.row.isOwn(of: member) }.map { $0.row.committed - $0.row.earlier } ?? 0
  }

  var rows: Int { money.count }

  /// False where the pool is another by now.
  mutating func write(_ change: ShareReading.Change, over version: Int, at now: Double) -> Bool {
    guard version == self.version else {
      overtaken += 1
      return false
    }
    pool = change.pool
    self.version += 1
    let place = money.firstIndex { $0.row.participant == change.row.participant }
    if let place {
      money[place] = Money(row: change.row, changed: now)
    } else {
      money.append(Money(row: change.row, changed: now))
    }
    return true
  }

  mutating func release(_ used: ShareAmount, spent: Double, by member: ShareMember, at now: Double) {
    guard let change = read(for: member, at: now).release(used, spent: spent, by: member) else { return }
    _ = write(change, over: version, at: now)
  }
}
