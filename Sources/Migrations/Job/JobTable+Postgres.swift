import Backfill
import MessageStores
import PgVector
import Postgres

extension JobTable {
  /// The table of `source` in the catalogue; throws a `Failure` with `.configuration` where it can't be filled at all.
  init(_ source: Source, on connection: isolated PostgresConnection) throws {
    let table = source.tableName.quoted
    let relation = try connection.query(
      """
      SELECT c.relkind AS kind, c.oid AS id, c.relispartition AS is_partition, n.nspname AS schema FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass($1)
      """, [.text(table)]
    ).first
    guard let relation else { throw Self.noTable(source) }
    let isPartitioned = relation["kind"] == "p"
    guard isPartitioned || relation["kind"] == "r" else { throw source.noTable(kind: relation["kind"]) }
    let leaves = try connection.query(
      """
      SELECT n.nspname AS schema, c.relname AS name FROM pg_partition_tree(to_regclass($1)) p
      JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE p.isleaf AND c.relkind = 'r' ORDER BY 1, 2
      """, [.text(table)]
    ).map { SQLName(schema: $0["schema"], $0["name"] ?? "") }
    let keyed = try source.keyed(on: connection)
    self.init(indexed: isPartitioned ? leaves : [source.tableName], keys: keyed.keys)
    self.isPartitioned = isPartitioned
    schema = relation["schema"]
    isPartition = relation.isTrue("is_partition")
    publications = try Publications.ofAllColumns(of: relation["id"] ?? "", on: connection)
    digestType = try Self.column(source.digestColumn, of: table, on: connection)?["base"]
    triggered = [source.tableName]
    if !isPartitioned { triggered += try Self.heirs(of: table, on: connection) }
    pgvector = try PgVector.installed(on: connection)
    generated = try connection.query(
      "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attgenerated <> '' AND NOT attisdropped",
      [.text(table)]
    ).compactMap { $0[0] }
    var types: [String: String] = [:]
    // No index may have a column in it that is computed where it is read.
    var indexable: [String: String] = [:]
    for name in keys {
      guard let column = try Self.column(name, of: table, on: connection) else { throw Self.noColumn(name, source) }
      keyTypes.append((column["type"] ?? "") + (column["collation"].map { " COLLATE \($0)" } ?? ""))
    }
    for name in source.text.columns ?? [] {
      let read = source.view.map { SQLName(schema: $0.schema, $0.table).quoted } ?? table
      guard let column = try Self.column(name, of: read, on: connection) else { throw Self.noColumn(name, source) }
      types[name] = column["base"]
      if !column.isTrue("virtual") { indexable[name] = column["base"] }
    }
    zonedTexts = Set((source.text.columns ?? []).filter { types[$0] == "timestamptz" })
    if source.edits != .ignore, source.view == nil {
      unwatchable = try source.obstacleToWatching(
        SQLName(schema: source.schema ?? schema, source.table).quoted, on: connection)
    }
    try findNames(of: source, on: connection)
    // The vectors of pieces are elsewhere.
    guard source.chunks == nil else { return }
    for index in indexed.indices {
      indexed[index].index = try Self.missingRowsIndex(
        keyed, on: indexed[index].name, types: indexable, on: connection)
    }
    guard let column = try Self.column(source.vector, of: table, on: connection) else { return }
    guard let type = column["base"].flatMap(VectorType.init) else {
      throw Self.refusal(
        source, "its column \(source.vector) is there as \(column["type"] ?? ""), which holds no vectors",
        "name another column with vector: in the job")
    }
    columnType = column["type"]
    vectorType = type
    needsVector = column.isTrue("needed")
    isDeclared = column.isTrue("declared")
    declaredDimensions = column["modifier"].flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil }
    vectorIndexes = try connection.query(
      """
      SELECT DISTINCT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid AND a.attname = $2
      WHERE m.amname IN ('hnsw', 'ivfflat') AND i.indrelid = to_regclass($1) ORDER BY 1
      """, [.text(table), .text(source.vector)]
    ).compactMap { $0[0] }
  }

  /// The tables that inherit from `table`, which is not partitioned.
  static func heirs(of table: String, on connection: isolated PostgresConnection) throws -> [SQLName] {
    try connection.query(
      """
      \(TableFamily.clause(of: "to_regclass($1)::oid"))
      SELECT n.nspname AS schema, c.relname AS name FROM vecfill_family f JOIN pg_class c ON c.oid = f.oid
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid <> to_regclass($1) AND c.relkind = 'r' ORDER BY 1, 2
      """, [.text(table)]
    ).map { SQLName(schema: $0["schema"], $0["name"] ?? "") }
  }

  /// The form of the index to make on `table`. One that is there and holds all rows that lack a vector does, too.
  private static func missingRowsIndex(
    _ source: Source, on table: SQLName, types: [String: String], on connection: isolated PostgresConnection
  ) throws -> MissingRowsIndex {
    let conditions = try connection.transaction { connection in
      // The condition is compared as text.
      try connection.execute("SET LOCAL quote_all_identifiers = off")
      return try connection.query(
        """
        SELECT pg_get_expr(i.indpred, i.indrelid) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
        WHERE i.indrelid = to_regclass($1) AND i.indisvalid AND i.indexprs IS NULL AND 0 = ALL (i.indoption)
          AND $2::text[] = array(
            SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place)
        """, [.text(table.quoted), .array(source.keys)]
      ).compactMap { $0[0] }
    }
    let found = conditions.compactMap {
      MissingRowsIndex(condition: $0, vector: source.vector, text: source.indexedText)
    }
    return !found.isEmpty && !found.contains(.texts) ? .all : MissingRowsIndex(for: source.indexedText, types: types)
  }

  /// The column's type, written so that any search path understands it; nil where there is no such column.
  private static func column(
    _ name: String, of table: String, on connection: isolated PostgresConnection
  ) throws -> PostgresRow? {
    let id = try connection.query(
      """
      SELECT attrelid FROM pg_attribute
      WHERE attrelid = to_regclass($1) AND attname = $2 AND attnum > 0 AND NOT attisdropped
      """, [.text(table), .text(name)]
    ).first?["attrelid"]
    guard let id else { return nil }
    return try connection.transaction { connection in
      try connection.execute("SET LOCAL search_path = ''")
      return try connection.query(
        """
        SELECT format_type(a.atttypid, a.atttypmod) AS type, b.typname AS base, a.atttypmod > 0 AS declared,
          a.attgenerated = 'v' AS virtual, a.attnotnull OR t.typnotnull OR EXISTS (SELECT FROM pg_constraint c
            WHERE c.conrelid = a.attrelid AND c.contype = 'c'
              AND pg_get_expr(c.conbin, c.conrelid) = format('(%I IS NOT NULL)', a.attname)) AS needed,
          CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation,
          CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS modifier
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
        WHERE a.attrelid = $1::oid AND a.attname = $2
        """, [.text(id), .text(name)]
      ).first
    }
  }
}
