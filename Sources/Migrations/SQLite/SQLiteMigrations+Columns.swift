import Backfill
import GRDB
import MessageStores
import PgVector
import Postgres

/// What is in the columns that are made and dropped.
extension SQLiteMigrations {
  package func load(of column: MigrationScript.LoadedColumn) async throws -> Load? {
    try await work { db in
      let columns = try Self.columns(of: column, db)
      guard columns.contains(column.column) else { return nil }
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT count(*) AS total,
            coalesce(sum(\(MissingVector.condition(column.column.quotedIdentifier))), 0) AS missing
          FROM \(column.reading.quoted) WHERE \(Self.condition(of: column, columns))
          """)
      return Load(rows: row?["total"] ?? 0, missing: row?["missing"] ?? 0)
    }
  }

  package func hasRows(toFill column: MigrationScript.LoadedColumn) async throws -> Bool {
    try await work { db in
      let columns = try Self.columns(of: column, db)
      guard !columns.isEmpty else { return false }
      func hasRows(_ column: MigrationScript.LoadedColumn) throws -> Bool {
        let condition = Self.condition(of: column, columns)
        return try Bool.fetchOne(
          db, sql: "SELECT EXISTS (SELECT 1 FROM \(column.reading.quoted) WHERE \(condition))") == true
      }
      do {
        return try hasRows(column)
      } catch let error as DatabaseError where error.message?.hasPrefix("no such column") == true {
        // The condition speaks of a column that is yet to be made, too.
        return try hasRows(column.ofAllRows)
      }
    }
  }

  /// None: no type of SQLite's is for vectors alone, and no table of pieces is kept there.
  package func vectorColumns(of table: SQLName) -> [String] { [] }

  /// The columns of what its rows are read from; none where the table doesn't exist.
  private static func columns(of column: MigrationScript.LoadedColumn, _ db: Database) throws -> Set<String> {
    guard try db.tableExists(column.table.name) else { return [] }
    return try String.fetchSet(
      db, sql: "SELECT name FROM pragma_table_xinfo(?)", arguments: [column.reading.name])
  }

  /// What a row meets that is to be filled.
  private static func condition(of column: MigrationScript.LoadedColumn, _ columns: Set<String>) -> String {
    var conditions = ["true"]
    if let text = column.text, columns.isSuperset(of: text.columns ?? []) {
      conditions.append("trim(\(text.sqlite), char(9, 10, 11, 12, 13, 32)) <> ''")
    }
    // The line breaks keep a comment in the condition from swallowing what follows.
    if let condition = column.condition { conditions.append("(\n\(condition)\n)") }
    return conditions.joined(separator: " AND ")
  }
}

extension MigrationScript.LoadedColumn {
  /// What its rows are read from.
  fileprivate var reading: SQLName { view ?? table }
}
