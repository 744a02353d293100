import Backfill
import Postgres

/// The tables in which PostgreSQL itself tells what was applied, in the schema that the search path names first.
enum PostgresRecords {
  /// One statement, so one transaction.
  static let schema = """
    CREATE TABLE IF NOT EXISTS vecfill_migration (
      version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
      state text NOT NULL CHECK (state IN ('started', 'applied', 'reverting')),
      outcomes text NOT NULL, changed_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE IF NOT EXISTS vecfill_migration_history (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
      version bigint NOT NULL, name text NOT NULL, action text NOT NULL, by text NOT NULL);
    """

  static func exist(on connection: isolated PostgresConnection) throws -> Bool {
    try PostgresCatalog.exists(SQLName("vecfill_migration"), on: connection)
  }

  static func all(on connection: isolated PostgresConnection) throws -> [MigrationRecord] {
    guard try exist(on: connection) else { return [] }
    let found = try connection.query(
      """
      SELECT version, name, checksum, state, outcomes, to_char(changed_at, 'YYYY-MM-DD HH24:MI:SS TZ') AS changed_at
      FROM vecfill_migration ORDER BY version
      """)
    return try found.map { row in
      guard let version = row["version"].flatMap(Int.init), let name = row["name"], let checksum = row["checksum"],
        let state = row["state"].flatMap(MigrationRecord.State.init)
      else { throw Failure(.badData, "vecfill_migration", "a row of it can't be read") }
      return MigrationRecord(
        version: version, name: name, checksum: checksum, state: state,
        outcomes: MigrationRecord.outcomes(parsing: row["outcomes"] ?? ""), changedAt: row["changed_at"])
    }
  }

  static func history(on connection: isolated PostgresConnection) throws -> [HistoryEntry] {
    guard try exist(on: connection) else { return [] }
    return try connection.query(
      """
      SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ') AS at, version, name, action, by
      FROM vecfill_migration_history ORDER BY id
      """
    ).map { row in
      HistoryEntry(
        at: row["at"] ?? "", version: row["version"].flatMap(Int.init) ?? 0, name: row["name"] ?? "",
        action: row["action"].flatMap(HistoryEntry.Action.init) ?? .up, by: row["by"] ?? "")
    }
  }

  /// Writes `record`, or forgets `version` where it is nil.
  static func write(_ record: MigrationRecord?, version: Int, on connection: isolated PostgresConnection) throws {
    guard let record else {
      try connection.query("DELETE FROM vecfill_migration WHERE version = $1", [.integer(Int64(version))])
      return
    }
    try connection.query(
      """
      INSERT INTO vecfill_migration (version, name, checksum, state, outcomes) VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (version) DO UPDATE SET name = excluded.name, checksum = excluded.checksum, state = excluded.state,
        outcomes = excluded.outcomes, changed_at = now()
      """,
      [
        .integer(Int64(version)), .text(record.name), .text(record.checksum), .text(record.state.rawValue),
        .text(record.outcomeList),
      ])
  }

  static func append(
    version: Int, name: String, action: HistoryEntry.Action, on connection: isolated PostgresConnection
  ) throws {
    try connection.query(
      """
      INSERT INTO vecfill_migration_history (version, name, action, by)
      VALUES ($1, $2, $3, current_setting('application_name'))
      """, [.integer(Int64(version)), .text(name), .text(action.rawValue)])
  }
}
