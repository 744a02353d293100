import Postgres

/// The same column in a table that a table inherits from or is a partition of, or in one that inherits from it: the rows
/// of one of them are rows of the other.
package struct ColumnRelative: Hashable, Sendable {
  /// The table's object id.
  package let table: String
  /// The column's number in it.
  package let number: Int
  /// The table's name, for people: with its schema where another table could be meant without it.
  package let name: String

  /// The lock on filling it.
  package var lock: AdvisoryLock { AdvisoryLock(named: ColumnLock.name(table: table, number: number)) }

  /// Those of the column `number` of the table with the object id `table`, above and below.
  package static func all(
    of table: String, number: Int, on connection: isolated PostgresConnection
  ) throws -> [ColumnRelative] {
    let (id, column) = (PostgresValue.text(table), PostgresValue.text("\(number)"))
    // Few tables have any. Only what a session has read already is asked for here: its first look at pg_inherits and its
    // first join cost more than all the rest.
    let family = try connection.query(
      """
      SELECT relhassubclass OR
        (SELECT attinhcount > 0 FROM pg_attribute WHERE attrelid = $1::oid AND attnum = $2::smallint) AS is_one
      FROM pg_class WHERE oid = $1::oid
      """, [id, column])
    guard family.first?.isTrue("is_one") == true else { return [] }
    return try connection.query(
      """
      WITH RECURSIVE above AS (
        SELECT inhparent AS oid FROM pg_inherits WHERE inhrelid = $1::oid
        UNION SELECT i.inhparent FROM pg_inherits i JOIN above ON i.inhrelid = above.oid
      ), below AS (
        SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = $1::oid
        UNION SELECT i.inhrelid FROM pg_inherits i JOIN below ON i.inhparent = below.oid
      )
      SELECT c.oid AS id, a.attnum AS number, c.oid::regclass::text AS name FROM (SELECT * FROM above UNION SELECT * FROM below) f
      JOIN pg_class c ON c.oid = f.oid
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = (
        SELECT attname FROM pg_attribute WHERE attrelid = $1::oid AND attnum = $2::smallint)
      ORDER BY 3
      """, [id, column]
    ).map { row in
      ColumnRelative(
        table: row["id"] ?? "", number: row["number"].flatMap(Int.init) ?? 0, name: row["name"] ?? "")
    }
  }
}
