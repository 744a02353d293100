import Backfill
import Postgres

/// Which of vecfill's names are there already in PostgreSQL, and whether each is of the source's own column.
extension OwnName {
  /// Of indexes, for those of `columns` of `table`, which is quoted.
  ///
  /// An index goes by the columns that it depends on: those of its rows or of its condition.
  package static func indexes(
    _ names: [String], of columns: [String], on table: String, _ connection: isolated PostgresConnection
  ) throws -> [String: Bool] {
    try found(
      """
      SELECT c.relname AS name, EXISTS (
          SELECT FROM pg_index i WHERE i.indexrelid = c.oid AND i.indrelid = to_regclass($1) AND ($4::boolean OR EXISTS (
            SELECT FROM pg_depend d JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass
              AND d.refobjid = i.indrelid AND a.attname::text = ANY ($3::text[])))) AS own
      FROM pg_class c
      WHERE c.relname::text = ANY ($2::text[]) AND c.relnamespace = (
        SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1))
      """,
      [
        .text(table), .array(names), .array(columns),
        .text(try haveRivals(columns, on: table, connection) ? "false" : "true"),
      ], on: connection)
  }

  /// Of triggers' functions, for those of the column `vector` of `table`, which is quoted.
  ///
  /// A function that another table's trigger runs is that table's, and one of another column says that one's name.
  package static func functions(
    _ names: [OwnName], of vector: String, on table: String, _ connection: isolated PostgresConnection
  ) throws -> [String: Bool] {
    try found(
      """
      SELECT p.proname AS name, NOT EXISTS (
          SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgparentid = 0 AND NOT t.tgisinternal
            AND (t.tgrelid <> to_regclass($1)
              OR NOT $4::boolean AND strpos(p.prosrc, $3) = 0 AND strpos(p.prosrc, 'pg_notify') = 0)) AS own
      FROM pg_proc p
      WHERE p.proname::text = ANY ($2::text[]) AND p.pronargs = 0 AND p.pronamespace = (
        SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1))
      """,
      [
        .text(table), .array(names.flatMap(\.both)), .text(mention(of: vector)),
        .text(try haveRivals([vector], on: table, connection) ? "false" : "true"),
      ], on: connection)
  }

  /// Whether the table has another column whose name makes the same words as one of `columns`: only then does it matter of
  /// which of its columns something of the table is.
  private static func haveRivals(
    _ columns: [String], on table: String, _ connection: isolated PostgresConnection
  ) throws -> Bool {
    let all = try connection.query(
      "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
      [.text(table)]
    ).compactMap { $0[0] }
    return rivals(of: columns, among: all)
  }

  /// The plain names of triggers that `table` has, and that run a function which another table's trigger runs, too.
  package static func misled(
    _ names: [OwnName], on table: String, _ connection: isolated PostgresConnection
  ) throws -> [String] {
    try connection.query(
      """
      SELECT t.tgname FROM pg_trigger t
      WHERE t.tgrelid = to_regclass($1) AND t.tgname::text = ANY ($2::text[]) AND t.tgparentid = 0 AND EXISTS (
        SELECT FROM pg_trigger o WHERE o.tgfoid = t.tgfoid AND o.tgrelid <> t.tgrelid AND o.tgparentid = 0)
      """, [.text(table), .array(names.map(\.plain))]
    ).compactMap { $0[0] }
  }

  /// What the function of each trigger on edits has of its column's, or its digest column's, name.
  package static func mention(of column: String) -> String { "NEW.\(column.quotedIdentifier) " }

  /// Of tables of digests, for that of `source` in `schema`.
  ///
  /// One that says nothing of itself is an earlier version's, and its own where no other column's name makes the same: else
  /// nobody knows, and `isUnclaimed` says so.
  package static func digestTables(
    of source: Source, in schema: String, _ connection: isolated PostgresConnection
  ) throws -> (found: [String: Bool], isUnclaimed: Bool) {
    let name = DigestTable.name(of: source)
    let tables = try connection.query(
      """
      SELECT relname AS name, obj_description(oid, 'pg_class') AS comment FROM pg_class
      WHERE relnamespace = to_regnamespace($1) AND relname::text = ANY ($2::text[])
      """, [.text(schema.quotedIdentifier), .array(name.both)])
    var found: [String: Bool] = [:]
    var isUnclaimed = false
    for table in tables {
      let comment = table["comment"].flatMap { $0.hasPrefix("vecfill: ") ? $0 : nil }
      let isOwn =
        try comment.map { $0 == DigestTable.comment(of: source) }
        ?? !isShared(name, source, in: schema, connection)
      found[table["name"] ?? ""] = isOwn
      if comment == nil, !isOwn { isUnclaimed = true }
    }
    return (found, isUnclaimed)
  }

  /// Whether another vector column of the schema makes the same plain name.
  private static func isShared(
    _ name: OwnName, _ source: Source, in schema: String, _ connection: isolated PostgresConnection
  ) throws -> Bool {
    let columns = try connection.query(
      """
      SELECT c.relname AS table, a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        AND a.atttypid IN (SELECT oid FROM pg_type WHERE typname IN ('vector', 'halfvec'))
      """, [.text(schema.quotedIdentifier)])
    return columns.contains { row in
      let other = Source(table: row["table"] ?? "", vector: row["name"] ?? "")
      return (other.table, other.vector) != (source.table, source.vector)
        && DigestTable.name(of: other).plain == name.plain
    }
  }

  private static func found(
    _ statement: String, _ parameters: [PostgresValue], on connection: isolated PostgresConnection
  ) throws -> [String: Bool] {
    let rows = try connection.query(statement, parameters)
    return Dictionary(rows.map { ($0["name"] ?? "", $0.isTrue("own")) }) { $0 && $1 }
  }
}
