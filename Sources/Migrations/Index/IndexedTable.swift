import Backfill
import PgVector
import Postgres

/// A source's table as the database has it, with all of its vector indexes, on whatever column.
///
/// An update that isn't HOT inserts into each of them, and one of a vector that an index is on, or that a partial index
/// looks at, never is.
struct IndexedTable: Sendable {
  struct Index: Sendable {
    let id: String
    let name: SQLName
    let isValid: Bool
    /// Whether it is on the column that is filled.
    let isOnColumn: Bool
    /// Whether it is a partitioned index or a part of one, which only goes and comes with the whole.
    let isOfPartitions: Bool
  }

  let source: Source
  /// The table's name with its schema, quoted, the same for every spelling of the source and every search path.
  let name: String
  let intents: IndexIntents
  let indexes: [Index]
  let type: VectorType
  /// Whether the column itself declares its dimensions, as neither a bare `vector` nor a domain does.
  let isDeclared: Bool
  private let isPartitioned: Bool
  private let isOwned: Bool
  private let role: String

  init(_ source: Source, on connection: isolated PostgresConnection) throws {
    self.source = source
    let found = try connection.query(
      """
      SELECT format('%I.%I', n.nspname, c.relname) AS table, quote_ident(n.nspname) AS schema,
        c.relkind = 'p' AS partitioned, b.typname AS type, a.atttypmod > 0 AS declared, pg_has_role(c.relowner, 'USAGE') AS owned, current_user AS role
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 JOIN pg_type t ON t.oid = a.atttypid
      JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
      WHERE c.oid = to_regclass($1)
      """, [.text(source.tableName.quoted), .text(source.vector)])
    guard let row = found.first else {
      throw Failure(.configuration, source.name, "it has no column \(source.vector)", remedy: "check the job")
    }
    name = row["table"] ?? ""
    intents = IndexIntents(of: name, in: row["schema"] ?? "")
    type = row["type"].flatMap(VectorType.init) ?? .vector
    isDeclared = row.isTrue("declared")
    isPartitioned = row.isTrue("partitioned")
    isOwned = row.isTrue("owned")
    role = row["role"] ?? ""
    // A partition's part of a partitioned index is told by the whole, where the whole is on the source.
    indexes = try connection.query(
      """
      SELECT c.oid AS id, n.nspname AS schema, c.relname AS name, i.indisvalid AS valid,
        c.relkind = 'I' OR c.relispartition AS of_partitions,
        EXISTS (SELECT FROM pg_depend d JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
          WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = i.indrelid AND a.attname = $2) AS on_column
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE m.amname IN ('hnsw', 'ivfflat')
        AND (i.indrelid = to_regclass($1)
          OR i.indrelid IN (SELECT relid FROM pg_partition_tree(to_regclass($1))) AND NOT c.relispartition)
      ORDER BY c.relname
      """, [.text(source.tableName.quoted), .text(source.vector)]
    ).map { row in
      Index(
        id: row["id"] ?? "", name: SQLName(schema: row["schema"], row["name"] ?? ""), isValid: row.isTrue("valid"),
        isOnColumn: row.isTrue("on_column"), isOfPartitions: row.isTrue("of_partitions"))
    }
  }

  /// Whether an index on the column can answer searches.
  var isIndexed: Bool { indexes.contains { $0.isValid && $0.isOnColumn } }

  /// Whether an index on it can be dropped and built concurrently: PostgreSQL can't on a partitioned table.
  var allowsConcurrency: Bool { !isPartitioned && !indexes.contains { $0.isOfPartitions } }

  /// Throws a `Failure` where `policy` can't be carried out.
  func check(_ policy: IndexPolicy) throws(Failure) {
    guard allowsConcurrency else {
      throw Failure(
        .configuration, source.name, "PostgreSQL builds no index on a partitioned table concurrently",
        remedy: "set index: {when: keep} in the job, not \(policy.rawValue)")
    }
    guard isOwned else {
      throw Failure(
        .denied, source.name, "only its owner can drop and build its indexes, and the role \(role) is not",
        remedy: "name the owner in VECFILL_MIGRATION_DATABASE_URL, or set index: {when: keep} in the job")
    }
  }

  /// How long a load of the rows that lack a vector takes with the indexes and without; nil where there is none to write.
  ///
  /// Blank texts are never written, however many there are: they must not make a rebuild look worth while.
  func estimate(dimensions: Int, on connection: isolated PostgresConnection) throws -> (IndexEstimate, missing: Int)? {
    let (table, vector) = (source.tableName.quoted, source.vector.quotedIdentifier)
    // The line breaks keep a comment in the condition from swallowing what follows.
    let condition = source.condition.map { " AND (\n\($0)\n)" } ?? ""
    let (missing, filled) = try connection.transaction { connection in
      // A limit of the role's is for the application's statements.
      try connection.execute("SET LOCAL statement_timeout = '\(Self.countingLimit)'")
      func count(_ condition: String, on connection: isolated PostgresConnection) throws -> Int {
        try connection.query("SELECT count(*) FROM \(table) WHERE \(condition)")[0][0].flatMap(Int.init) ?? 0
      }
      // The first of the conditions on the text is an index's.
      let isText = MissingRowsIndex.isText(source.text).map { " AND \($0)" } ?? ""
      let missing = try count(
        "\(vector) IS NULL\(isText) AND \(source.text.postgres()) ~ '\\S'\(condition)", on: connection)
      return (missing, missing == 0 ? 0 : try count("\(vector) IS NOT NULL", on: connection))
    }
    guard missing > 0 else { return nil }
    return (
      IndexEstimate(missing: missing, total: filled + missing, dimensions: dimensions, indexes: indexes.count), missing
    )
  }

  private static let countingLimit = "10min"
}

extension Source {
  var tableName: SQLName { SQLName(schema: schema, table) }
}
