import Backfill
import Postgres

/// The advisory lock on migrating a database.
enum MigrationLock {
  /// "vecfillM" as a number: advisory locks go by number.
  private static let key: Int64 = 0x7665_6366_696C_6C4D

  /// Whether the lock could be had at once.
  static func take(on connection: isolated PostgresConnection) throws -> Bool {
    try connection.query("SELECT pg_try_advisory_lock($1)", [.integer(key)])[0][0] == "t"
  }

  static func release(on connection: isolated PostgresConnection) throws {
    try connection.query("SELECT pg_advisory_unlock($1)", [.integer(key)])
  }

  static func refusal(on connection: isolated PostgresConnection) throws -> Failure {
    let holder = try connection.query(
      """
      SELECT a.application_name AS name, a.backend_start AS since
      FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid = $1::oid AND l.objid = $2::oid
      """,
      [.text(String(UInt32(truncatingIfNeeded: key >> 32))), .text(String(UInt32(truncatingIfNeeded: key)))]
    ).first
    return Failure(
      .locked, "migrations",
      "\(holder?["name"] ?? "another process") has been at them since \(holder?["since"] ?? "now")",
      remedy: "wait for it, or end it: its lock goes with it")
  }
}
