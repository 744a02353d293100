/// What a process reads of its pool before it changes it.
package struct ShareReading: Sendable {
  package let pool: SharedPool
  /// In seconds, as the pool counts them.
  package let now: Double
  /// The rows of the process's ledger and columns.
  package let rows: [ShareRow]
  /// All other rows that have dollars reserved.
  package let reserving: [ShareRow]
  /// Dollars that all other rows say are spent or reserved.
  package let others: Double

  /// What is written over what was read.
  package struct Change: Sendable {
    package var pool: SharedPool
    package var row: ShareRow
  }

  /// - Parameter clock: what the database's clock shows, in seconds.
  package init(pool: SharedPool, at clock: Double, rows: [ShareRow], reserving: [ShareRow], others: Double) {
    var pool = pool
    now = pool.time(of: clock)
    self.pool = pool
    self.rows = rows
    self.reserving = reserving
    self.others = others
  }

  /// What `member` gets, once the change is written.
  package func claim(_ ask: ShareAsk, by member: ShareMember) -> (grant: ShareGrant, change: Change) {
    var change = change(by: member)
    let beside = rows.filter { $0.participant != change.row.participant }
    var grant = change.pool.claim(ask, by: member, at: now)
    grant.others = others + change.row.earlier + beside.reduce(0) { $0 + $1.committed }
    grant.mayReturn = (reserving + beside).reduce(0) { $0 + $1.mayReturn(in: pool, at: now) }
    grant.committed = ask.dollars.committed(besides: grant.others)
    change.row.tell(spent: ask.dollars.spent, reserved: max(0, grant.committed - ask.dollars.spent))
    return (grant, change)
  }

  /// `member` ends, has used `used` and spent `spent` dollars; nil where the pool has nothing of it.
  package func release(_ used: ShareAmount, spent: Double, by member: ShareMember) -> Change? {
    guard spent > 0 || pool.holders[member.session] != nil || rows.contains(where: { $0.isOwn(of: member) }) else {
      return nil
    }
    var change = change(by: member)
    change.pool.release(used, by: member, at: now)
    change.row.tell(spent: spent, reserved: 0)
    return change
  }

  private func change(by member: ShareMember) -> Change {
    Change(pool: pool, row: .own(of: member, among: rows, in: pool, at: now))
  }
}
