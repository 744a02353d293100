import Backfill
import GRDB
import Postgres

/// Reads how a schema change stands in an SQLite database.
enum SQLiteCatalog {
  static func presence(of change: SchemaChange, _ db: Database) throws -> Presence {
    switch change {
    case .addColumn(let column):
      return try presence(of: column, db)
    case .dropColumn(let table, let column):
      guard try db.tableExists(table.name) else { return .noTable }
      return try self.column(column, of: table.name, db) == nil ? .absent : .present()
    case .createIndex(let index):
      return try presence(of: index, db)
    case .dropIndex(let name):
      let found = try Row.fetchOne(
        db, sql: "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ? COLLATE NOCASE", arguments: [name.name])
      return found == nil ? .absent : .present()
    case .createExtension(let name), .dropExtension(let name):
      return .different("SQLite has no extension \(name) that a migration could make")
    case .createFunction(let function):
      return .different("SQLite has no function \(function.name) that a migration could make")
    case .dropFunction:
      return .absent
    case .createTrigger(let trigger):
      guard try db.tableExists(trigger.table.name) else { return .noTable }
      guard let sql = try self.trigger(trigger.name, db) else { return .absent }
      let found = try SQLStatement.split(sql, .sqlite, in: trigger.name).first.flatMap(SchemaChange.init)
      return found == change ? .present() : .invalid
    case .dropTrigger(let name, _):
      return try trigger(name.name, db) == nil ? .absent : .present()
    }
  }

  private static func trigger(_ name: String, _ db: Database) throws -> String? {
    try String.fetchOne(
      db, sql: "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ? COLLATE NOCASE", arguments: [name])
  }

  private struct Column: Equatable {
    let type: String
    let isNullable: Bool
    let fallback: String?

    init(_ row: Row) {
      type = (row["type"] as String).lowercased().filter { $0 != " " }
      isNullable = row["notnull"] == 0
      fallback = row["dflt_value"]
    }
  }

  private static func column(_ name: String, of table: String, _ db: Database) throws -> Column? {
    try Row.fetchOne(
      db, sql: "SELECT type, \"notnull\", dflt_value FROM pragma_table_xinfo(?) WHERE name = ? COLLATE NOCASE",
      arguments: [table, name]
    ).map(Column.init)
  }

  private static func presence(of column: SchemaChange.ColumnDefinition, _ db: Database) throws -> Presence {
    guard try db.tableExists(column.table.name) else { return .noTable }
    guard let found = try self.column(column.column, of: column.table.name, db) else { return .absent }
    // The probe lives in this connection's own temporary database.
    try db.execute(sql: "CREATE TEMP TABLE vecfill_probe (\(column.column.quotedIdentifier) \(column.definition))")
    let wanted = try self.column(column.column, of: "vecfill_probe", db)
    try db.execute(sql: "DROP TABLE temp.vecfill_probe")
    guard let wanted, wanted != found else { return .present() }
    guard wanted.type == found.type else { return .different("it is there as \(found.type)") }
    let fallback = found.fallback.map { "the default \($0)" } ?? "no default"
    return .present(note: "it is there, \(found.isNullable ? "nullable" : "NOT NULL") with \(fallback): left so")
  }

  private static func presence(of index: SchemaChange.IndexDefinition, _ db: Database) throws -> Presence {
    guard try db.tableExists(index.table.name) else { return .noTable }
    let wanted = try body(index)
    let rows = try Row.fetchAll(
      db,
      sql:
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? COLLATE NOCASE AND sql IS NOT NULL",
      arguments: [index.table.name])
    var equal: String?
    for row in rows {
      let (name, sql) = (row["name"] as String, row["sql"] as String)
      guard
        case .createIndex(let found)? = try SQLStatement.split(sql, .sqlite, in: name).first.flatMap(SchemaChange.init)
      else { continue }
      let isEqual = try body(found) == wanted
      if name.lowercased() == index.name.name.lowercased() {
        return isEqual ? .present() : .different("it is \(sql)")
      }
      if isEqual { equal = name }
    }
    return equal.map { .present(note: "the equal index \($0) is adopted") } ?? .absent
  }

  /// The definition without names, laid out in one way.
  private static func body(_ index: SchemaChange.IndexDefinition) throws -> [String] {
    let tokens = try SQLLexer.tokens(of: index.body, .sqlite, in: index.name.name)
    return [index.isUnique ? "unique" : ""] + tokens.map { $0.identifier?.lowercased() ?? $0.text }
  }
}
