import Backfill
import PgVector
import Postgres

/// Finds the key by which a table is paged, and the index by which its rows without a vector are found.
struct PostgresKeyInspection {
  let key: PostgresKey
  /// The schemas of the key's types, but for PostgreSQL's own.
  let schemas: [String]
  private let source: Source
  private let relation: String

  /// Tables of fewer rows are read quickly without an index too.
  private static let rowsWorthAnIndex = 100_000

  private struct Candidate {
    var isPrimary: Bool
    var isComplete = true
    var columns: [PostgresKeyColumn] = []
    var schemas: [String] = []
  }

  /// Throws a `Failure` where the source's key is no primary key, nor NOT NULL and unique.
  ///
  /// A job that leaves the key to its default, `id`, means the table's primary key, whatever its columns are.
  init(source: Source, relation: String, on connection: isolated PostgresConnection) throws {
    let candidates = try Self.candidates(relation, on: connection)
    let named = candidates.first { $0.isComplete && Set($0.columns.map(\.name)) == Set(source.keys) }
    let primary = source.keys == ["id"] ? candidates.first { $0.isPrimary && $0.isComplete } : nil
    guard let found = named ?? primary else { throw try Self.refusal(source, relation, on: connection) }
    (key, schemas) = (PostgresKey(columns: found.columns), found.schemas)
    (self.source, self.relation) = (source, relation)
  }

  /// The table's unique indexes that can be paged by, the primary key first.
  private static func candidates(
    _ relation: String, on connection: isolated PostgresConnection
  ) throws -> [Candidate] {
    let rows = try connection.inspect(
      """
      SELECT i.indexrelid, i.indisprimary AS is_primary, a.attname AS name, a.attnotnull AS not_null,
        n.nspname AS type_schema, t.typname AS type
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
      CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, place)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
      CROSS JOIN LATERAL (
        WITH RECURSIVE type AS (
          SELECT a.atttypid AS oid
          UNION SELECT d.typbasetype FROM type JOIN pg_type d ON d.oid = type.oid WHERE d.typtype = 'd'
        ) SELECT d.oid FROM type JOIN pg_type d ON d.oid = type.oid WHERE d.typtype <> 'd'
      ) AS base
      JOIN pg_type t ON t.oid = base.oid JOIN pg_namespace n ON n.oid = t.typnamespace
      WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        AND k.place <= i.indnkeyatts
      ORDER BY i.indisprimary DESC, i.indexrelid, k.place
      """, [.text(relation)])
    var candidates: [Candidate] = []
    var index: String?
    for row in rows {
      if row["indexrelid"] != index {
        index = row["indexrelid"]
        candidates.append(Candidate(isPrimary: row.isTrue("is_primary")))
      }
      let (type, schema) = (row["type"] ?? "", row["type_schema"] ?? "")
      let last = candidates.count - 1
      candidates[last].columns.append(
        PostgresKeyColumn(
          name: row["name"] ?? "", kind: kind(of: schema == "pg_catalog" ? type : ""),
          type: "\(schema.quotedIdentifier).\(type.quotedIdentifier)",
          hasTimeZone: schema == "pg_catalog" && type == "timestamptz"))
      if !row.isTrue("not_null") { candidates[last].isComplete = false }
      if schema != "pg_catalog", !candidates[last].schemas.contains(schema) { candidates[last].schemas.append(schema) }
    }
    return candidates
  }

  private static func kind(of type: String) -> RowKey.Kind {
    switch type {
    case "int2", "int4", "int8": .integer
    case "uuid": .uuid
    case "bytea": .bytes
    default: .text
    }
  }

  private static func refusal(
    _ source: Source, _ relation: String, on connection: isolated PostgresConnection
  ) throws -> Failure {
    let remedy = "name the primary key in the job"
    for key in source.keys {
      let found = try connection.inspect(
        "SELECT 1 FROM pg_attribute WHERE attrelid = $1::oid AND attname = $2 AND attnum > 0 AND NOT attisdropped",
        [.text(relation), .text(key)])
      if found.isEmpty {
        return Failure(.configuration, "\(source.name).\(key)", "there is no such column", remedy: remedy)
      }
    }
    return Failure(
      .configuration, "\(source.name).\(source.key)",
      "it is not the table's key: it may be NULL or hold a value twice", remedy: remedy)
  }

  /// The index that finds the rows that lack a vector, in the key's order: one that leaves out blank ones before one that
  /// doesn't. Where there is none and the table is large, the statement that makes one.
  ///
  /// - Parameter textType: the text column's type, without its schema.
  func missingRowsIndex(
    textType: String, on connection: isolated PostgresConnection
  ) throws -> (index: MissingRowsIndex?, warnings: [String]) {
    let names = PostgresValue.array(key.columns.map(\.name))
    let found = try connection.inspect(
      """
      SELECT \(MissingRowsIndex.found(vector: "$2::text", text: "$4::text")) AS form
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
      JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
      CROSS JOIN LATERAL (
        SELECT array_agg(a.attname::text ORDER BY k.place) AS names, count(DISTINCT i.indoption[(k.place - 1)::int]) AS orders
        FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE k.place <= least(i.indnkeyatts, cardinality($3::text[]))
      ) AS keyed
      WHERE i.indrelid = $1::oid AND i.indisvalid AND i.indexprs IS NULL AND keyed.names = $3::text[] AND keyed.orders = 1
      """, [.text(relation), .text(source.vector), names, .text(source.text)]
    ).compactMap { $0["form"].flatMap(MissingRowsIndex.init) }
    guard found.isEmpty else { return (found.contains(.texts) ? .texts : .all, []) }
    let predicate = MissingRowsIndex(for: textType).predicate(vector: "%1$I", text: "%2$I")
    let size = try connection.inspect(
      """
      WITH RECURSIVE family AS (
        SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.oid = i.inhparent
      )
      SELECT sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE pg_relation_size(c.oid) / 200 END) FILTER (
          WHERE c.relkind = 'r')::bigint AS rows,
        (SELECT format('CREATE INDEX %sON %s (%s) WHERE %s',
            CASE p.relkind WHEN 'r' THEN 'CONCURRENTLY ' ELSE '' END,
            format('%I.%I', n.nspname, p.relname),
            (SELECT string_agg(quote_ident(name), ', ' ORDER BY place)
              FROM unnest($3::text[]) WITH ORDINALITY AS k(name, place)), format($2::text, $4::text, $5::text))
          FROM pg_class p JOIN pg_namespace n ON n.oid = p.relnamespace WHERE p.oid = $1::oid) AS statement
      FROM family f JOIN pg_class c ON c.oid = f.oid
      """, [.text(relation), .text(predicate), names, .text(source.vector), .text(source.text)])
    guard let row = size.first, let statement = row["statement"],
      (row["rows"].flatMap { Int($0) } ?? 0) > Self.rowsWorthAnIndex
    else { return (nil, []) }
    return (nil, ["no index finds the rows that lack a vector, so all rows are read for them: \(statement)"])
  }
}
