import Backfill
import GRDB
import MessageStores

extension JobTable {
  /// The table of `source`; throws a `Failure` with `.configuration` where it can't be filled at all.
  init(_ source: Source, _ db: Database) throws {
    let kind = try Row.fetchOne(
      db,
      sql: """
        SELECT type = 'view' AS is_view, sql LIKE 'CREATE VIRTUAL%' AS is_virtual FROM sqlite_master
        WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')
        """, arguments: [source.table])
    guard let kind else { throw Self.noTable(source) }
    guard kind["is_view"] == false, kind["is_virtual"] == false else {
      throw source.noTable(but: "a view or a virtual table", isView: kind["is_view"])
    }
    guard try String.fetchOne(db, sql: "PRAGMA encoding") == "UTF-8" else {
      throw Self.refusal(
        source, "the file's texts are UTF-16, whose digests could not be compared", "convert the file to UTF-8")
    }
    self.init(indexed: [source.tableName], keys: try source.keyed(in: db).keys)
    try findNames(of: source, db)
    func declared(_ name: String, of table: String = source.table) throws -> String? {
      try String.fetchOne(
        db, sql: "SELECT type FROM pragma_table_xinfo(?) WHERE name = ? COLLATE NOCASE",
        arguments: [table, name])
    }
    // A table's row number is a key that it doesn't declare.
    let rowNumber = ["rowid", "oid", "_rowid_"]
    for name in source.text.columns ?? [] where !rowNumber.contains(name.lowercased()) {
      guard try declared(name, of: source.reading.table) != nil else { throw Self.noColumn(name, source) }
    }
    let hasRowNumber = try Bool.fetchOne(
      db, sql: "SELECT NOT wr FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE",
      arguments: [source.table])
    rowColumns =
      if hasRowNumber != false, let free = try rowNumber.first(where: { try declared($0) == nil }) {
        [free]
      } else {
        try String.fetchAll(
          db, sql: "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", arguments: [source.table])
      }
    isPagedByRowNumber =
      try keys.count == 1 && rowNumber.contains(keys[0].lowercased()) && declared(keys[0]) == nil
    isStrict =
      try Bool.fetchOne(
        db, sql: "SELECT strict FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE",
        arguments: [source.table]) == true
    columnType = try declared(source.vector)
    needsVector =
      try Bool.fetchOne(
        db, sql: "SELECT \"notnull\" FROM pragma_table_xinfo(?) WHERE name = ? COLLATE NOCASE",
        arguments: [source.table, source.vector]) == true
    digestType = try declared(source.sqliteDigestColumn)
    declaredDimensions = columnType.flatMap { $0.firstMatch(of: #/\((\d+)\)/#) }.flatMap { Int($0.1) }
  }
}
