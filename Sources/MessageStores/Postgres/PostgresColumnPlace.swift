import Backfill
import PgVector
import Postgres

/// Where the catalogue has the column that a source fills.
struct PostgresColumnPlace: Hashable, Sendable {
  /// The table's object id.
  let table: String
  /// The column's number in its table.
  let number: Int
  let schema: String
  let tableName: String
  let columnName: String

  /// The name of the lock on filling the column. Every process takes the same one, however it spells the source, also
  /// after a rename.
  var lockName: String { ColumnLock.name(table: table, number: number) }

  func lockName(ofShard shard: Int) -> String { ColumnLock.name(table: table, number: number, shard: shard) }

  /// What the column's rows in a table of vecfill's own go by, with the parameters $1 to $3 of `ownKeys(in:)`.
  static let isOwn = "database = $1 AND table_id = $2::oid AND column_number = $3::smallint"

  /// - Parameter database: as the column's `ColumnIdentity` names it.
  func ownKeys(in database: String) -> [PostgresValue] { [.text(database), .text(table), .text("\(number)")] }

  /// The column of `source`; nil where there is no such table or column.
  static func find(_ source: Source, on connection: isolated PostgresConnection) throws -> PostgresColumnPlace? {
    let home = source.home
    let name = home.quotedName
    return try connection.inspect(
      """
      SELECT c.oid, a.attnum, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.oid = to_regclass($1)
      """, [.text(name), .text(source.vector)]
    ).first.map { row in
      PostgresColumnPlace(
        table: row[0] ?? "", number: row[1].flatMap { Int($0) } ?? 0, schema: row[2] ?? "", tableName: home.table,
        columnName: source.vector)
    }
  }
}
