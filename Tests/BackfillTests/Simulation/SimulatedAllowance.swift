@testable import Backfill

/// What processes share in the database, as `PostgresAllowance` keeps it: a claim reads the pool, and writes it back if
/// nobody has changed it meanwhile.
struct SimulatedAllowance {
  private(set) var pool: SharedPool
  private(set) var version = 0
  private var money: [ShareRow] = []
  /// Writes that came too late, since another process had changed the pool.
  private(set) var overtaken = 0

  init(at now: Double) {
    pool = SharedPool(at: now)
  }

  func read(for member: ShareMember, at now: Double) -> ShareReading {
    func isOwn(_ row: ShareRow) -> Bool {
      row.participant == member.participant || row.participant.hasPrefix(member.participant + ShareRow.separator)
    }
    let others = money.filter { !isOwn($0) }
    return ShareReading(
      pool: pool, at: now, rows: money.filter(isOwn), reserving: others, others: others.reduce(0) { $0 + $1.committed })
  }

  /// What all others see that one has spent and reserved, by its latest claim.
  func committed(by member: ShareMember) -> Double {
    money.first { $0.isOwn(of: member) }.map { $0.committed - $0.earlier } ?? 0
  }

  var rows: Int { money.count }

  /// False where the pool is another by now.
  mutating func write(_ change: ShareReading.Change, over version: Int) -> Bool {
    guard version == self.version else {
      overtaken += 1
      return false
    }
    pool = change.pool
    self.version += 1
    if let place = money.firstIndex(where: { $0.participant == change.row.participant }) {
      money[place] = change.row
    } else {
      money.append(change.row)
    }
    return true
  }

  mutating func release(_ used: ShareAmount, spent: Double, by member: ShareMember, at now: Double) {
    guard let change = read(for: member, at: now).release(used, spent: spent, by: member) else { return }
    _ = write(change, over: version)
  }
}
