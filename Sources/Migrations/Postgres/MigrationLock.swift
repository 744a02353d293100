import Backfill
import Postgres

/// The advisory lock on migrating a database.
enum MigrationLock {
  /// "vecfillM" as a number.
  private static let lock = AdvisoryLock(key: 0x7665_6366_696C_6C4D)

  /// Whether the lock could be had at once.
  static func take(on connection: isolated PostgresConnection) throws -> Bool {
    try lock.take(on: connection)
  }

  static func release(on connection: isolated PostgresConnection) throws {
    try lock.release(on: connection)
  }

  static func refusal(on connection: isolated PostgresConnection) throws -> Failure {
    let holder = try lock.holder(on: connection)
    return Failure(
      .locked, "migrations",
      "\(holder?["name"] ?? "another process") has been at them since \(holder?["since"] ?? "now")",
      remedy: "wait until that process ends, or end it: then the lock is free")
  }
}
