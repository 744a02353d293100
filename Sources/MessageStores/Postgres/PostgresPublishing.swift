import Backfill
import PgVector
import Postgres

/// What a publication asks of the table that is filled: without a replica identity PostgreSQL refuses every update of a
/// table whose updates are published.
struct PostgresPublishing {
  let table: PostgresTable

  /// Throws a `Failure` with `.configuration`, and the statement that mends it, where no row could be written.
  ///
  /// The server itself is asked, by an update that is planned and not run: no trigger fires.
  func check(on connection: isolated PostgresConnection) throws {
    guard try !connection.inspect("SELECT 1 FROM pg_publication WHERE pubupdate LIMIT 1").isEmpty else { return }
    do {
      _ = try connection.query(
        "EXPLAIN UPDATE \(table.name) SET \(table.vector) = \(table.vector) WHERE \(table.vector) IS NULL",
        under: table.settings(.seconds(10), lockTimeout: .milliseconds(200)))
    } catch let error as PostgresError where error.isRefusedPublishing {
      let missing = try withoutIdentity(on: connection)
      guard !missing.isEmpty else {
        throw error.failure(table.source.name, remedy: "change the publication, or the table's replica identity")
      }
      let mend = missing.map { "ALTER TABLE \($0) REPLICA IDENTITY FULL" }.joined(separator: "; ")
      throw Failure(
        .configuration, table.source.name,
        "its updates are published and it has no replica identity, so that PostgreSQL refuses every update",
        remedy: "\(mend); or give it a primary key, or REPLICA IDENTITY USING INDEX")
    } catch let error as PostgresError where error.isLockTimeout {
      // Who holds the table is waited for where it is written; this is then told there.
    }
  }

  /// The table, or its partitions, that have no replica identity; the first few.
  private func withoutIdentity(on connection: isolated PostgresConnection) throws -> [String] {
    try connection.inspect(
      """
      \(TableFamily.clause())
      SELECT format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_class c JOIN vecfill_family f ON f.oid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND CASE c.relreplident
        WHEN 'f' THEN false
        WHEN 'd' THEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate)
        WHEN 'i' THEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)
        ELSE true END
      ORDER BY 1 LIMIT 5
      """, [.text(table.oid)]
    ).compactMap { $0["name"] }
  }
}

extension PostgresError {
  /// Whether a publication of the table's updates forbids them, by a missing identity or by what it filters.
  fileprivate var isRefusedPublishing: Bool {
    sourceFile == "execReplication.c" && ["55000", "42P10"].contains(sqlState)
  }
}
