import Postgres

/// An index of a table, as the catalogue has it.
struct PostgresIndex: Equatable, Sendable {
  private let id: Int
  let isPrimary: Bool
  let isUnique: Bool
  let isValid: Bool
  let isBtree: Bool
  let hasExpressions: Bool
  /// Its key columns' numbers, without those that are only included.
  let columns: [String]
  /// How each of them is ordered.
  let orders: [String]
  /// The condition of a partial index, as PostgreSQL shows it.
  let condition: String?

  /// btree's object id in pg_am, the same in every database.
  private static let btree = "403"

  /// Those of the table with the object id `relation`, the primary key first, then the oldest.
  ///
  /// It neither joins nor sorts: see `PostgresColumn.all`.
  static func all(of relation: String, on connection: isolated PostgresConnection) throws -> [PostgresIndex] {
    try connection.inspect(
      """
      SELECT i.indexrelid AS id, i.indisprimary AS is_primary, i.indisunique AS is_unique, i.indisvalid AS is_valid,
        (SELECT x.relam FROM pg_class x WHERE x.oid = i.indexrelid) AS method,
        i.indexprs IS NOT NULL AS has_expressions, i.indkey AS columns, i.indoption AS orders, i.indnkeyatts AS width,
        pg_get_expr(i.indpred, i.indrelid) AS condition
      FROM pg_index i WHERE i.indrelid = $1::oid
      """, [.text(relation)]
    ).map { row in
      let width = row["width"].flatMap { Int($0) } ?? 0
      func list(_ name: String) -> [String] { (row[name] ?? "").split(separator: " ").prefix(width).map(String.init) }
      return PostgresIndex(
        id: row["id"].flatMap { Int($0) } ?? 0, isPrimary: row.isTrue("is_primary"), isUnique: row.isTrue("is_unique"),
        isValid: row.isTrue("is_valid"),
        isBtree: row["method"] == btree, hasExpressions: row.isTrue("has_expressions"), columns: list("columns"),
        orders: list("orders"), condition: row["condition"])
    }.sorted { $0.isPrimary != $1.isPrimary ? $0.isPrimary : $0.id < $1.id }
  }
}
