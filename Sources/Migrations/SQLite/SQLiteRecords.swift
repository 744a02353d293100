import Backfill
import GRDB

/// The tables in which an SQLite database itself tells what was applied.
enum SQLiteRecords {
  static let schema = """
    CREATE TABLE IF NOT EXISTS vecfill_migration (
      version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('started', 'applied', 'reverting')),
      outcomes TEXT NOT NULL, changed_at TEXT NOT NULL DEFAULT (datetime('now')));
    CREATE TABLE IF NOT EXISTS vecfill_migration_history (
      id INTEGER PRIMARY KEY, at TEXT NOT NULL DEFAULT (datetime('now')),
      version INTEGER NOT NULL, name TEXT NOT NULL, action TEXT NOT NULL, by TEXT NOT NULL);
    """

  static func exist(_ db: Database) throws -> Bool { try db.tableExists("vecfill_migration") }

  static func all(_ db: Database) throws -> [MigrationRecord] {
    guard try exist(db) else { return [] }
    return try Row.fetchAll(db, sql: "SELECT * FROM vecfill_migration ORDER BY version").map { row in
      guard let state = MigrationRecord.State(rawValue: row["state"]) else {
        throw Failure(.badData, "vecfill_migration", "a row of it can't be read")
      }
      return MigrationRecord(
        version: row["version"], name: row["name"], checksum: row["checksum"], state: state,
        outcomes: MigrationRecord.outcomes(parsing: row["outcomes"]), changedAt: (row["changed_at"] as String) + " UTC")
    }
  }

  static func history(_ db: Database) throws -> [HistoryEntry] {
    guard try exist(db) else { return [] }
    return try Row.fetchAll(db, sql: "SELECT * FROM vecfill_migration_history ORDER BY id").map { row in
      HistoryEntry(
        at: (row["at"] as String) + " UTC", version: row["version"], name: row["name"],
        action: HistoryEntry.Action(rawValue: row["action"]) ?? .up, by: row["by"])
    }
  }

  /// Writes `record`, or forgets `version` where it is nil.
  static func write(_ record: MigrationRecord?, version: Int, _ db: Database) throws {
    guard let record else {
      try db.execute(sql: "DELETE FROM vecfill_migration WHERE version = ?", arguments: [version])
      return
    }
    try db.execute(
      sql: "INSERT OR REPLACE INTO vecfill_migration (version, name, checksum, state, outcomes) VALUES (?, ?, ?, ?, ?)",
      arguments: [version, record.name, record.checksum, record.state.rawValue, record.outcomeList])
  }

  static func append(
    version: Int, name: String, action: HistoryEntry.Action, by: String, _ db: Database
  ) throws {
    try db.execute(
      sql: "INSERT INTO vecfill_migration_history (version, name, action, by) VALUES (?, ?, ?, ?)",
      arguments: [version, name, action.rawValue, by])
  }
}
