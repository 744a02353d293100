import Backfill
import GRDB

/// The tables in which an SQLite database itself says what was applied.
enum SQLiteRecords {
  /// Makes the tables, and those of earlier versions what they are now: their records are the shipped folder's. To be
  /// run in a transaction.
  static func prepare(_ db: Database) throws {
    guard try exist(db) else {
      try db.execute(sql: schema)
      return
    }
    guard try !haveFolders(db) else { return }
    // SQLite changes no primary key in place.
    try db.execute(
      sql: """
        ALTER TABLE vecfill_migration RENAME TO vecfill_migration_before;
        ALTER TABLE vecfill_migration_history ADD COLUMN folder TEXT NOT NULL DEFAULT '\(MigrationSet.shippedLabel)';
        \(schema)
        INSERT INTO vecfill_migration (folder, version, name, checksum, state, outcomes, changed_at)
          SELECT '\(MigrationSet.shippedLabel)', version, name, checksum, state, outcomes, changed_at
          FROM vecfill_migration_before;
        DROP TABLE vecfill_migration_before;
        """)
  }

  private static let schema = """
    CREATE TABLE IF NOT EXISTS vecfill_migration (
      folder TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('started', 'applied', 'reverting')),
      outcomes TEXT NOT NULL, changed_at TEXT NOT NULL DEFAULT (datetime('now')), PRIMARY KEY (folder, version));
    CREATE TABLE IF NOT EXISTS vecfill_migration_history (
      id INTEGER PRIMARY KEY, at TEXT NOT NULL DEFAULT (datetime('now')), version INTEGER NOT NULL,
      name TEXT NOT NULL, action TEXT NOT NULL, by TEXT NOT NULL, folder TEXT NOT NULL);
    """

  /// Throws a `Failure` with `.configuration` where the name is another's.
  static func exist(_ db: Database) throws -> Bool {
    let columns = try String.fetchSet(db, sql: "SELECT name FROM pragma_table_info('vecfill_migration')")
    guard !columns.isEmpty else { return false }
    guard columns.isSuperset(of: MigrationRecord.columns) else { throw MigrationRecord.foreign("vecfill_migration") }
    return true
  }

  /// Whether the tables are as `prepare` leaves them.
  static func areReady(_ db: Database) throws -> Bool { try exist(db) && haveFolders(db) }

  private static func haveFolders(_ db: Database) throws -> Bool {
    try db.columns(in: "vecfill_migration").contains { $0.name == "folder" }
  }

  static func all(_ db: Database) throws -> [MigrationRecord] {
    guard try exist(db) else { return [] }
    return try Row.fetchAll(db, sql: "SELECT * FROM vecfill_migration ORDER BY version").map { row in
      guard let state = MigrationRecord.State(rawValue: row["state"]) else {
        throw Failure(.badData, "vecfill_migration", "a row of it can't be read")
      }
      return MigrationRecord(
        folder: row["folder"] ?? MigrationSet.shippedLabel, version: row["version"], name: row["name"],
        checksum: row["checksum"], state: state, outcomes: MigrationRecord.outcomes(parsing: row["outcomes"]),
        changedAt: (row["changed_at"] as String) + " UTC")
    }
  }

  static func history(_ db: Database) throws -> [HistoryEntry] {
    guard try exist(db) else { return [] }
    return try Row.fetchAll(db, sql: "SELECT * FROM vecfill_migration_history ORDER BY id").map { row in
      HistoryEntry(
        at: (row["at"] as String) + " UTC", folder: row["folder"] ?? MigrationSet.shippedLabel, version: row["version"],
        name: row["name"], action: HistoryEntry.Action(rawValue: row["action"]) ?? .up, by: row["by"])
    }
  }

  static func write(_ record: MigrationRecord, _ db: Database) throws {
    try db.execute(
      sql: """
        INSERT OR REPLACE INTO vecfill_migration (folder, version, name, checksum, state, outcomes)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        record.folder, record.version, record.name, record.checksum, record.state.rawValue, record.outcomeList,
      ])
  }

  static func forget(_ version: Int, of folder: String, _ db: Database) throws {
    try db.execute(
      sql: "DELETE FROM vecfill_migration WHERE folder = ? AND version = ?", arguments: [folder, version])
  }

  static func append(
    _ action: HistoryEntry.Action, of folder: String, version: Int, name: String, by: String, _ db: Database
  ) throws {
    try db.execute(
      sql: "INSERT INTO vecfill_migration_history (folder, version, name, action, by) VALUES (?, ?, ?, ?, ?)",
      arguments: [folder, version, name, action.rawValue, by])
  }
}
