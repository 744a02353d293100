import Backfill
import GRDB
import GRDBSQLite
import Postgres

/// A view that a job reads, found in the file.
struct SQLiteView {
  private let view: TableName
  private let source: Source
  private let database: Database

  init(_ view: TableName, of source: Source, database: Database) {
    (self.view, self.source, self.database) = (view, source, database)
  }

  /// The view's columns; throws a `Failure` with `.configuration` where it doesn't show the rows of the table by its key
  /// and with its vector, if there is one.
  func columns(_ key: SQLiteKey, _ vector: SQLiteColumn?) throws -> [SQLiteColumn] {
    let kind = try String.fetchOne(
      database, sql: "SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')",
      arguments: [view.table])
    guard let kind else { throw refusal("there is no such view", "check its name and DATABASE_URL") }
    guard kind == "view" else {
      throw refusal("it is no view, and write_to is for a view", "leave write_to out of the job")
    }
    let columns = try SQLiteColumn.all(of: view.table, in: database)
    for name in key.columns.map(\.name) + (vector.map { [$0.name] } ?? []) {
      guard columns.contains(where: { $0.name.folded == name.folded }) else {
        throw refusal(
          "the view doesn't show this column of \(source.name)",
          "add it to the view: it must show the key and the vector by their own names", column: name)
      }
      guard try isOrigin(of: name) else {
        throw refusal(
          "it isn't the column of \(source.name)",
          "let the view show that column itself, or name the table in write_to that it is of", column: name)
      }
    }
    return columns
  }

  /// Whether the view's column is the table's of that name, as SQLite itself says.
  private func isOrigin(of name: String) throws -> Bool {
    let statement = try database.makeStatement(
      sql: "SELECT \(name.quotedIdentifier) FROM \(view.table.quotedIdentifier)")
    func text(_ pointer: UnsafePointer<CChar>?) -> [UInt8]? { pointer.map { String(cString: $0).folded } }
    return text(sqlite3_column_table_name(statement.sqliteStatement, 0)) == source.table.folded
      && text(sqlite3_column_origin_name(statement.sqliteStatement, 0)) == name.folded
  }

  private func refusal(_ reason: String, _ remedy: String, column: String? = nil) -> Failure {
    Failure(.configuration, column.map { "\(view).\($0)" } ?? view.description, reason, remedy: remedy)
  }
}
