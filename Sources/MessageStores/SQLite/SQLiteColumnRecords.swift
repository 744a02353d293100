import Backfill
import Foundation
import GRDB

/// What the vectors of a file's columns are made of, as the file has recorded it, in a table `vecfill_column`.
///
/// The table also gives the file a name of its own, which a move or a link leaves as it is. A record goes by the names
/// of table and column; where they are gone, by the table's page and the column's place, which a rename leaves.
struct SQLiteColumnRecords {
  let source: Source
  let database: Database

  private static let name = "vecfill_column"

  struct Record {
    /// The same for as long as the record is there.
    let id: Int64
    let column: ColumnIdentity
    let fingerprint: Fingerprint?
    /// Whether it has the column's names and place as they are now.
    let isUpToDate: Bool
  }

  /// Where the column is.
  private struct Place {
    let page: Int64
    let number: Int64
    let tables: Set<[UInt8]>
    let columns: Set<[UInt8]>
  }

  /// The record of the column; nil where there is none.
  ///
  /// Throws a `Failure` where the table is another's, or a record is one that only a newer version understands.
  func find() throws -> Record? {
    guard try exists() else { return nil }
    let place = try place()
    let (tableName, columnName) = (source.table.folded, source.vector.folded)
    let rows = try Row.fetchAll(database, sql: "SELECT * FROM \(Self.name)")
    func isOf(_ row: Row, byName: Bool) -> Bool {
      let named = ((row.text("table_name") ?? "").folded, (row.text("column_name") ?? "").folded)
      if byName { return named == (tableName, columnName) }
      let isTable = named.0 == tableName || row.number("table_page") == place.page && !place.tables.contains(named.0)
      let isColumn =
        named.1 == columnName || row.number("column_place") == place.number && !place.columns.contains(named.1)
      return isTable && isColumn
    }
    guard let row = rows.first(where: { isOf($0, byName: true) }) ?? rows.first(where: { isOf($0, byName: false) })
    else { return nil }
    guard let id = row.number("id"), Self.ids.contains(id), let name = row.text("database") else { throw Self.notOwn }
    return Record(
      id: id, column: ColumnIdentity(database: "sqlite \(name)", column: "\(id)"),
      fingerprint: try row.isNull("fingerprint")
        ? nil
        : Fingerprint(
          recorded: row.text("fingerprint") ?? "", of: "\(source.name).\(source.vector)", in: Self.name),
      isUpToDate: isOf(row, byName: true) && row.number("table_page") == place.page
        && row.number("column_place") == place.number)
  }

  /// Whether the table of records is there. Throws a `Failure` where something else has its name, or could run code of
  /// somebody's while it is written.
  func exists() throws -> Bool {
    let found = try Row.fetchOne(
      database,
      sql: """
        SELECT type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND NOT EXISTS (
          SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE) AS is_plain
        FROM sqlite_master WHERE name = ?1 COLLATE NOCASE
        """, arguments: [Self.name])
    guard let found else { return false }
    let columns = try Set(SQLiteColumn.all(of: Self.name, in: database).filter { !$0.isGenerated }.map(\.name))
    guard found.number("is_plain") == 1, columns.isSuperset(of: Self.columns) else { throw Self.notOwn }
    return true
  }

  private static let columns = [
    "id", "database", "table_name", "column_name", "table_page", "column_place", "fingerprint", "recorded_at",
  ]

  /// The ids that a record may have: the lock on filling a column goes by them.
  private static let ids: ClosedRange<Int64> = 1...1 << 32

  private static var notOwn: Failure {
    Failure(
      .configuration, name, "something of that name is there and is not vecfill's own",
      remedy: "rename or drop it: vecfill records there what a column's vectors are made of")
  }

  /// The record of the column, which is made, without a fingerprint, where there is none.
  func findOrMake() throws -> Record {
    let found = try find()
    if let found, found.isUpToDate { return found }
    let place = try place()
    if let found {
      try database.execute(
        sql: """
          UPDATE \(Self.name) SET table_name = ?, column_name = ?, table_page = ?, column_place = ? WHERE id = ?
          """, arguments: [source.table, source.vector, place.page, place.number, found.id])
      return found
    }
    try database.execute(
      sql: """
        CREATE TABLE IF NOT EXISTS \(Self.name) (
          id INTEGER PRIMARY KEY, database TEXT NOT NULL, table_name TEXT NOT NULL, column_name TEXT NOT NULL,
          table_page INTEGER NOT NULL, column_place INTEGER NOT NULL, fingerprint TEXT,
          recorded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
        )
        """)
    try database.execute(
      sql: """
        INSERT INTO \(Self.name) (database, table_name, column_name, table_page, column_place)
        VALUES (coalesce((SELECT min(database) FROM \(Self.name)), lower(hex(randomblob(8)))), ?, ?, ?, ?)
        """, arguments: [source.table, source.vector, place.page, place.number])
    guard let made = try find() else {
      throw Failure(.unavailable, Self.name, "a record that was made is not there", remedy: "look at its triggers")
    }
    return made
  }

  func record(_ fingerprint: Fingerprint) throws {
    try database.execute(
      sql: "UPDATE \(Self.name) SET fingerprint = ?, recorded_at = CURRENT_TIMESTAMP WHERE id = ?",
      arguments: [try fingerprint.recorded(), try findOrMake().id])
  }

  func forget(_ id: Int64) throws {
    try database.execute(sql: "UPDATE \(Self.name) SET fingerprint = NULL WHERE id = ?", arguments: [id])
  }

  private func place() throws -> Place {
    let tables = try Row.fetchAll(database, sql: "SELECT name, rootpage FROM sqlite_master WHERE type = 'table'")
    let own = tables.first { ($0["name"] as String).folded == source.table.folded }
    let columns = try SQLiteColumn.all(of: source.table, in: database).map { $0.name.folded }
    return Place(
      page: own?["rootpage"] ?? 0,
      number: columns.firstIndex(of: source.vector.folded).map(Int64.init) ?? -1,
      tables: Set(tables.map { ($0["name"] as String).folded }), columns: Set(columns))
  }

}

extension Row {
  /// The column's text; nil where it holds none. GRDB's own subscript would trap on what isn't of its type.
  fileprivate func text(_ column: String) -> String? { String.fromDatabaseValue(stored(column)) }
  fileprivate func number(_ column: String) -> Int64? { Int64.fromDatabaseValue(stored(column)) }
  fileprivate func isNull(_ column: String) -> Bool { stored(column).isNull }

  private func stored(_ column: String) -> DatabaseValue { self[column] ?? .null }
}
