import Backfill
import PgVector
import Postgres

/// The vector indexes that the new column gets: one for each of the former column's, with the same method, measure and
/// options.
struct ReembeddedIndexes: Sendable {
  /// An index to build.
  struct Planned: Sendable {
    var names: Reembedding.IndexNames
    /// The table that it is on: the source's, or a partition.
    let table: SQLName
    /// Everything behind the table's name.
    let body: String
    let tablespace: String
    let comment: String?
    /// Whether it is a partitioned table's as a whole: it has nothing in it, and holds those of the partitions.
    var isWhole = false
    /// The new index of the partitioned table that it is a part of.
    var whole: SQLName?
  }

  let planned: [Planned]
  /// What has none, a sentence each.
  let notes: [String]

  /// - Parameters:
  ///   - former: the name of the former column now.
  ///   - new: the name of the new one now.
  ///   - isWanted: whether the job wants an index where the former column has none.
  init(
    of table: ReembeddedTable, former: String, new: String, dimensions: Int, isWanted: Bool,
    on connection: isolated PostgresConnection
  ) throws {
    var planned: [Planned] = []
    var notes: [String] = []
    let type = table.columns[new]?.type ?? Self.type(former: table.columns[former]?.type, dimensions: dimensions)
    for row in try Self.former(table, former, on: connection) {
      let name = row["name"] ?? ""
      let tableName = SQLName(schema: row["table_schema"], row["table"] ?? "")
      guard let body = Self.body(row, new: new, type: type, dimensions: dimensions, table) else {
        notes.append("\(name) has no counterpart on the new column: \(row["definition"] ?? "")")
        continue
      }
      planned.append(
        Planned(
          names: .init(schema: row["schema"] ?? "", name: name), table: tableName, body: body,
          tablespace: row["tablespace"] ?? "", comment: row["comment"], isWhole: row["kind"] == "I",
          whole: row["whole"].map { SQLName(schema: row["whole_schema"], Reembedding.beside($0, "_new")) }))
    }
    if planned.isEmpty, isWanted, !table.isPartitioned,
      let index = HNSWIndex(column: new, type: type, dimensions: dimensions, in: table.pgvector)
    {
      let name = IndexName.of(table.source, IndexName.Suffix.vectors)
      planned.append(
        Planned(
          names: .init(
            schema: table.name.schema ?? "", name: try name.chosen(table.source.vector, on: table.name, connection)),
          table: table.name, body: index.body, tablespace: "", comment: nil))
    }
    self.planned = planned
    self.notes = notes
  }

  /// The type of the new column: as the former one's, but halfvec where no HNSW index holds a vector of so many dimensions.
  static func type(former: VectorType?, dimensions: Int) -> VectorType {
    let former = former ?? .vector
    return former.indexed(dimensions: dimensions) ?? former
  }

  private static func former(
    _ table: ReembeddedTable, _ column: String, on connection: isolated PostgresConnection
  ) throws -> [PostgresRow] {
    try connection.transaction { connection in
      try connection.execute("SET LOCAL search_path = ''")
      return Array(
        try connection.query(
          """
          SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind, tn.nspname AS table_schema, t.relname AS table,
            m.amname AS method, o.opcname AS class, i.indnatts AS keys, array_to_string(c.reloptions, ', ') AS options,
            pg_get_expr(i.indpred, i.indrelid) AS predicate, pg_get_indexdef(c.oid) AS definition,
            coalesce((SELECT spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace), '') AS tablespace,
            obj_description(c.oid, 'pg_class') AS comment, wn.nspname AS whole_schema, w.relname AS whole
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
          JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid
          JOIN pg_namespace tn ON tn.oid = t.relnamespace JOIN pg_opclass o ON o.oid = i.indclass[0]
          LEFT JOIN pg_inherits h ON h.inhrelid = c.oid LEFT JOIN pg_class w ON w.oid = h.inhparent
          LEFT JOIN pg_namespace wn ON wn.oid = w.relnamespace
          WHERE m.amname IN ('hnsw', 'ivfflat') AND i.indisvalid
            AND (i.indrelid = $1::oid OR i.indrelid IN (SELECT relid FROM pg_partition_tree($1::oid)))
            AND EXISTS (SELECT FROM pg_depend d JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
              WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
                AND d.refobjid = i.indrelid AND a.attname = $2)
          ORDER BY n.nspname, c.relname
          """, [.text(table.id), .text(column)]))
    }
  }

  /// nil where the index is of another kind than one over a column's vectors.
  private static func body(
    _ row: PostgresRow, new: String, type: VectorType, dimensions: Int, _ table: ReembeddedTable
  ) -> String? {
    guard row["keys"] == "1", row["predicate"] == nil, let method = row["method"],
      let parts = row["class"]?.split(separator: "_", maxSplits: 1), parts.count == 2,
      VectorType(rawValue: String(parts[0])) != nil, let indexed = type.indexed(dimensions: dimensions)
    else { return nil }
    func qualified(_ name: String) -> String { table.pgvector?.qualified(name) ?? name }
    let column = new.quotedIdentifier
    let key = indexed == type ? column : "(\(column)::\(qualified(indexed.rawValue))(\(dimensions)))"
    let options = row["options"].map { " WITH (\($0))" } ?? ""
    return "USING \(method) (\(key) \(qualified("\(indexed.rawValue)_\(parts[1])")))\(options)"
  }
}
