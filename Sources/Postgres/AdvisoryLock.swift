import Backfill

/// A lock by number that the server keeps for a session or a transaction; nothing waits for it, it is only ever tried.
package struct AdvisoryLock: Equatable, Sendable {
  package let key: Int64
  /// Whether others may have it at the same time, if they share it too.
  package let isShared: Bool

  package init(key: Int64) {
    self.key = key
    isShared = false
  }

  /// The lock that `name` names: the name hashed, since the server's locks go by number.
  package init(named name: String, isShared: Bool = false) {
    self.isShared = isShared
    key = TextDigest(of: name).bytes.prefix(8).reduce(0) { $0 << 8 | Int64($1) }
  }

  /// Whether it could be had at once; for the transaction where one is open, else for the session.
  package func take(on connection: isolated PostgresConnection) throws -> Bool {
    let function =
      (try connection.isInTransaction() ? "pg_try_advisory_xact_lock" : "pg_try_advisory_lock")
      + (isShared ? "_shared" : "")
    // As a simple query: one with parameters leaves its portal open, and with it a snapshot for which vacuum and every
    // concurrent index build would wait as long as the transaction lasts.
    return try connection.execute("SELECT \(function)(\(key))")[0][0] == "t"
  }

  /// Gives a session's lock back.
  package func release(on connection: isolated PostgresConnection) throws {
    try connection.execute("SELECT pg_advisory_unlock\(isShared ? "_shared" : "")(\(key))")
  }

  /// The first of `locks` that another session has; nil where none has any.
  package static func held(
    among locks: [AdvisoryLock], on connection: isolated PostgresConnection
  ) throws -> AdvisoryLock? {
    guard !locks.isEmpty else { return nil }
    // As a simple query, as in `take`.
    let rows = try connection.execute(
      """
      SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      """)
    let keys = Set(
      rows.compactMap { row -> Int64? in
        guard let high = row["classid"].flatMap(UInt32.init), let low = row["objid"].flatMap(UInt32.init) else {
          return nil
        }
        return Int64(bitPattern: UInt64(high) << 32 | UInt64(low))
      })
    return locks.first { keys.contains($0.key) }
  }

  /// The session that has it: its `pid`, `start`, `name`, `address` and `since`, as far as they are known; nil where
  /// nobody has it.
  package func holder(on connection: isolated PostgresConnection) throws -> PostgresRow? {
    let (high, low) = (UInt32(truncatingIfNeeded: key >> 32), UInt32(truncatingIfNeeded: key))
    return try connection.query(
      """
      SELECT a.pid, extract(epoch FROM a.backend_start) AS start, a.application_name AS name, a.client_addr AS address,
        a.backend_start AS since
      FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid = $1::oid AND l.objid = $2::oid
      """, [.text(String(high)), .text(String(low))]
    ).first
  }
}
