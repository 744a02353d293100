import Backfill
import GRDB
import Postgres

/// A column as the table declares it.
struct SQLiteColumn: Sendable {
  let name: String
  let type: String
  let isGenerated: Bool
  let isNotNull: Bool
  /// From 1 in the primary key's order; 0 where it isn't part of it.
  let primaryKeyPlace: Int

  var quoted: String { name.quotedIdentifier }

  /// What a key in it is while no row shows it, by the type that SQLite would prefer.
  var declaredKind: RowKey.Kind {
    let type = type.uppercased()
    if type.contains("INT") { return .integer }
    return type.contains("BLOB") ? .bytes : .text
  }

  /// All columns of `table`, generated ones too.
  static func all(of table: String, in database: Database) throws -> [SQLiteColumn] {
    // The key of a table without rowid is never NULL, whatever it declares.
    try Row.fetchAll(
      database,
      sql: """
        SELECT x.name, x.type, x.hidden, x.pk, x."notnull" OR (x.pk > 0 AND l.wr) AS not_null
        FROM pragma_table_xinfo(?) AS x, pragma_table_list(?) AS l WHERE l.schema = 'main'
        """, arguments: [table, table]
    ).map { row in
      SQLiteColumn(
        name: row["name"], type: row["type"], isGenerated: (row["hidden"] as Int) > 1, isNotNull: row["not_null"],
        primaryKeyPlace: row["pk"])
    }
  }
}

extension String {
  /// The name's bytes as SQLite compares names: of letters it takes those of ASCII alone for the same in either case.
  var folded: [UInt8] { utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 } }
}
