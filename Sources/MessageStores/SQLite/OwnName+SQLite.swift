import Backfill
import GRDB
import PgVector
import Postgres

extension OwnName {
  /// Which of the names are there already in SQLite, and whether each is an index or a trigger of the vector column of
  /// `source`, or of its digests: one of its table, whose SQL names either where another column's name makes the same words.
  package static func sqlite(_ names: [OwnName], of source: Source, _ database: Database) throws -> [String: Bool] {
    let both = names.flatMap(\.both)
    let columns = [source.vector, source.sqliteDigestColumn].map { $0.lowercased() }
    let all = try SQLiteColumn.all(of: source.table, in: database).map { $0.name.lowercased() }
    let hasRivals = rivals(of: columns, among: all)
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT name, sql, type, tbl_name = ? COLLATE NOCASE AS is_here FROM sqlite_master
        WHERE name COLLATE NOCASE IN (\(both.map { _ in "?" }.joined(separator: ", ")))
        """, arguments: StatementArguments([source.table] + both))
    return Dictionary(
      rows.map { row in
        let sql = ((row["sql"] as String?) ?? "").lowercased()
        let words = sql.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "$") }
        let isNamed =
          !hasRivals
          || columns.contains { column in
            sql.contains(column.quotedIdentifier) || words.contains { $0 == column }
          }
        return (
          (row["name"] as String).lowercased(),
          (row["is_here"] as Bool) && (row["type"] as String) != "table" && isNamed
        )
      }, uniquingKeysWith: { $0 && $1 })
  }
}
