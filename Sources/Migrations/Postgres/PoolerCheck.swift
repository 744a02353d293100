import Backfill
import Postgres

/// Refuses a connection whose statements a pooler spreads over servers: a session's locks and settings leak or vanish there.
enum PoolerCheck {
  /// Throws a `Failure` with `.configuration` behind a pooler in transaction or statement mode.
  ///
  /// A pooler in session mode, which lends each client a server of its own, passes.
  static func check(_ one: PostgresConnection, _ other: PostgresConnection) async throws {
    guard try await one.run({ try $0.isPooled() }) else { return }
    let backend = "SELECT pg_backend_pid()"
    var servers: Set<String?> = []
    for _ in 0..<10 {
      let first = try await one.query(backend)[0][0]
      let second = try await other.query(backend)[0][0]
      servers.formUnion([first, second])
      // One server for two clients, or more than one for a client.
      guard first != second, servers.count == 2 else { throw refusal }
    }
  }

  private static let refusal = Failure(
    .configuration, "DATABASE_URL", "a pooler in transaction mode, as PgBouncer has it, stands before the database",
    remedy: "give migrations the database's own address with --migration-database-url or VECFILL_MIGRATION_DATABASE_URL"
  )
}
