import Backfill

/// What processes share in the database, as `PostgresAllowance` keeps it: a claim reads the pool, and writes it back if
/// nobody has changed it meanwhile.
struct SimulatedAllowance {
  struct Reading {
    let version: Int
    let pool: SharedPool
    let now: Double
    let others: Double
    let mayReturn: Double
  }

  private struct Money {
    var spent = 0.0
    var reserved = 0.0
    var changed = 0.0
  }

  private(set) var pool: SharedPool
  private var version = 0
  private var money: [String: Money] = [:]
  /// Writes that came too late, since another process had changed the pool.
  private(set) var overtaken = 0

  init(at now: Double) {
    pool = SharedPool(at: now)
  }

  func read(for member: ShareMember, at now: Double) -> Reading {
    let others = money.filter { $0.key != member.participant }.values
    return Reading(
      version: version, pool: pool, now: now, others: others.reduce(0) { $0 + $1.spent + $1.reserved },
      mayReturn: others.filter { $0.changed > now - 2 * SharedPool.lifetime }.reduce(0) { $0 + $1.reserved })
  }

  /// What one has spent and reserved, as all others see it.
  func committed(by participant: String) -> Double { money[participant].map { $0.spent + $0.reserved } ?? 0 }

  /// What a process makes of what it has read: the grant, and the pool that it writes back; no pool where it writes none.
  static func decide(
    _ ask: ShareAsk, by member: ShareMember, from reading: Reading
  ) -> (grant: ShareGrant, written: SharedPool?) {
    var pool = reading.pool
    var grant = pool.claim(ask, by: member, at: reading.now)
    (grant.others, grant.mayReturn) = (reading.others, reading.mayReturn)
    let isHolder = pool.holders[member.participant]?.session == member.session
    grant.committed = isHolder ? ask.dollars.committed(besides: reading.others) : ask.dollars.kept
    return (grant, isHolder ? pool : nil)
  }

  /// False where the pool is another by now.
  mutating func write(
    _ pool: SharedPool, over version: Int, _ ask: ShareAsk, committed: Double, of participant: String, at now: Double
  ) -> Bool {
    guard version == self.version else {
      overtaken += 1
      return false
    }
    self.pool = pool
    self.version += 1
    money[participant] = Money(
      spent: ask.dollars.spent, reserved: max(0, committed - ask.dollars.spent), changed: now)
    return true
  }

  mutating func release(_ used: ShareAmount, spent: Double, by member: ShareMember, at now: Double) {
    if let holder = pool.holders[member.participant], holder.session != member.session { return }
    pool.release(used, by: member, at: now)
    version += 1
    money[member.participant] = Money(spent: spent, reserved: 0, changed: now)
  }
}
