import Backfill
import Postgres

/// The tables in which PostgreSQL itself says what was applied, in the schema that the search path names first.
enum PostgresRecords {
  /// Makes the tables, and those of earlier versions what they are now: their records are the shipped folder's. One
  /// script, so one transaction.
  static func prepare(on connection: isolated PostgresConnection) throws {
    guard try exist(on: connection) else {
      try connection.execute(schema)
      return
    }
    guard try !haveFolders(on: connection) else { return }
    let folder = "ADD COLUMN folder text NOT NULL DEFAULT '\(MigrationSet.shippedLabel)'"
    try connection.execute(
      """
      ALTER TABLE vecfill_migration \(folder), DROP CONSTRAINT vecfill_migration_pkey, ADD PRIMARY KEY (folder, version);
      ALTER TABLE vecfill_migration_history \(folder);
      """)
  }

  private static let schema = """
    CREATE TABLE IF NOT EXISTS vecfill_migration (
      folder text NOT NULL, version bigint NOT NULL, name text NOT NULL, checksum text NOT NULL,
      state text NOT NULL CHECK (state IN ('started', 'applied', 'reverting')),
      outcomes text NOT NULL, changed_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (folder, version));
    CREATE TABLE IF NOT EXISTS vecfill_migration_history (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
      folder text NOT NULL, version bigint NOT NULL, name text NOT NULL, action text NOT NULL, by text NOT NULL);
    """

  /// Throws a `Failure` with `.configuration` where the name is another's.
  private static func exist(on connection: isolated PostgresConnection) throws -> Bool {
    let found = try connection.query(
      """
      SELECT c.oid::regclass AS name, c.relkind IN ('r', 'p') AND (SELECT count(*) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname::text = ANY ($1::text[])) = $2::int AS is_own
      FROM pg_class c WHERE c.oid = to_regclass('vecfill_migration')
      """, [.array(MigrationRecord.columns), .text("\(MigrationRecord.columns.count)")]
    ).first
    guard let found else { return false }
    guard found.isTrue("is_own") else { throw MigrationRecord.foreign(found["name"] ?? "") }
    return true
  }

  /// Tables of earlier versions know no folders.
  private static func haveFolders(on connection: isolated PostgresConnection) throws -> Bool {
    try !connection.query(
      """
      SELECT 1 FROM pg_attribute
      WHERE attrelid = to_regclass('vecfill_migration') AND attname = 'folder' AND NOT attisdropped
      """
    ).isEmpty
  }

  private static func folder(on connection: isolated PostgresConnection) throws -> String {
    try haveFolders(on: connection) ? "folder" : "'\(MigrationSet.shippedLabel)' AS folder"
  }

  static func all(on connection: isolated PostgresConnection) throws -> [MigrationRecord] {
    guard try exist(on: connection) else { return [] }
    let found = try connection.query(
      """
      SELECT \(try folder(on: connection)), version, name, checksum, state, outcomes,
        to_char(changed_at, 'YYYY-MM-DD HH24:MI:SS TZ') AS changed_at
      FROM vecfill_migration ORDER BY version
      """)
    return try found.map { row in
      guard let folder = row["folder"], let version = row["version"].flatMap(Int.init), let name = row["name"],
        let checksum = row["checksum"], let state = row["state"].flatMap(MigrationRecord.State.init)
      else { throw Failure(.badData, "vecfill_migration", "a row of it can't be read") }
      return MigrationRecord(
        folder: folder, version: version, name: name, checksum: checksum, state: state,
        outcomes: MigrationRecord.outcomes(parsing: row["outcomes"] ?? ""), changedAt: row["changed_at"])
    }
  }

  static func history(on connection: isolated PostgresConnection) throws -> [HistoryEntry] {
    guard try exist(on: connection) else { return [] }
    return try connection.query(
      """
      SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ') AS at, \(try folder(on: connection)), version, name, action, by
      FROM vecfill_migration_history ORDER BY id
      """
    ).map { row in
      HistoryEntry(
        at: row["at"] ?? "", folder: row["folder"] ?? "", version: row["version"].flatMap(Int.init) ?? 0,
        name: row["name"] ?? "", action: row["action"].flatMap(HistoryEntry.Action.init) ?? .up, by: row["by"] ?? "")
    }
  }

  static func write(_ record: MigrationRecord, on connection: isolated PostgresConnection) throws {
    try connection.query(
      """
      INSERT INTO vecfill_migration (folder, version, name, checksum, state, outcomes) VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (folder, version) DO UPDATE SET name = excluded.name, checksum = excluded.checksum,
        state = excluded.state, outcomes = excluded.outcomes, changed_at = now()
      """,
      [
        .text(record.folder), .integer(Int64(record.version)), .text(record.name), .text(record.checksum),
        .text(record.state.rawValue), .text(record.outcomeList),
      ])
  }

  static func forget(_ version: Int, of folder: String, on connection: isolated PostgresConnection) throws {
    try connection.query(
      "DELETE FROM vecfill_migration WHERE folder = $1 AND version = $2", [.text(folder), .integer(Int64(version))])
  }

  static func append(
    _ action: HistoryEntry.Action, of folder: String, version: Int, name: String,
    on connection: isolated PostgresConnection
  ) throws {
    try connection.query(
      """
      INSERT INTO vecfill_migration_history (folder, version, name, action, by)
      VALUES ($1, $2, $3, $4, current_setting('application_name'))
      """, [.text(folder), .integer(Int64(version)), .text(name), .text(action.rawValue)])
  }
}
