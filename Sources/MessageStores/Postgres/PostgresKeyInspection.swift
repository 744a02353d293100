import Backfill
import PgVector
import Postgres

/// Finds the key by which a table is paged, and the index by which its rows without a vector are found.
struct PostgresKeyInspection {
  let key: PostgresKey
  /// The schemas of the key's types, except PostgreSQL's own.
  let schemas: [String]
  let source: Source
  private let relation: String
  let columns: [PostgresColumn]
  private let indexes: [PostgresIndex]

  /// Tables of fewer rows are read quickly without an index too.
  private static let rowsWorthAnIndex = 100_000

  /// Throws a `Failure` where the source's key is no primary key, nor NOT NULL and unique.
  ///
  /// A job that leaves the key to its default, `id`, means the table's primary key, whatever its columns are.
  init(
    source: Source, relation: String, columns: [PostgresColumn], on connection: isolated PostgresConnection
  ) throws {
    indexes = try PostgresIndex.all(of: relation, on: connection)
    (self.source, self.relation, self.columns) = (source, relation, columns)
    let unique = indexes.filter { index in
      index.isUnique && index.isValid && index.isBtree && index.condition == nil && !index.hasExpressions
    }
    // The primary key comes first.
    let candidates = unique.map { index in
      (index.isPrimary, index.columns.compactMap { number in columns.first { $0.number == number } })
    }.filter { $1.allSatisfy(\.isNotNull) }
    let named = candidates.first { Set($1.map(\.name)) == Set(source.keys) }
    let primary = source.keys == ["id"] ? candidates.first(where: \.0) : nil
    guard let (isPrimary, found) = named ?? primary else {
      throw Self.refusal(source, columns, indexes, usable: candidates.first?.1.map(\.name))
    }
    if !isPrimary { try Self.checkNotNull(found, source, relation, on: connection) }
    key = PostgresKey(columns: found.map(Self.keyColumn))
    schemas = found.map(\.type.schema).reduce(into: []) { schemas, schema in
      if schema != "pg_catalog", !schemas.contains(schema) { schemas.append(schema) }
    }
  }

  static func keyColumn(_ column: PostgresColumn) -> PostgresKeyColumn {
    let type = column.type
    let isOwn = type.schema == "pg_catalog"
    return PostgresKeyColumn(
      name: column.name, kind: kind(of: isOwn ? type.name : ""),
      type: "\(type.schema.quotedIdentifier).\(type.name.quotedIdentifier)",
      hasTimeZone: isOwn && type.name == "timestamptz")
  }

  private static func kind(of type: String) -> RowKey.Kind {
    switch type {
    case "int2", "int4", "int8": .integer
    case "uuid": .uuid
    case "bytea": .bytes
    default: .text
    }
  }

  /// A NOT NULL that was never validated says nothing of the rows that were there before.
  private static func checkNotNull(
    _ key: [PostgresColumn], _ source: Source, _ relation: String, on connection: isolated PostgresConnection
  ) throws {
    let unproved = try connection.inspect(
      """
      SELECT conname AS name, conkey[1] AS number FROM pg_constraint
      WHERE conrelid = $1::oid AND contype = 'n' AND NOT convalidated
      """, [.text(relation)])
    for row in unproved {
      guard let column = key.first(where: { $0.number == row["number"] }) else { continue }
      throw Failure(
        .configuration, "\(source.name).\(column.name)",
        "it may be NULL in rows that are older than its NOT NULL, which was never validated",
        remedy: "give each row a value, then ALTER TABLE \(source.quotedName) VALIDATE CONSTRAINT "
          + "\((row["name"] ?? "").quotedIdentifier); or name another key in the job")
    }
  }

  /// - Parameter usable: the columns by which the table could be paged; nil where there are none.
  private static func refusal(
    _ source: Source, _ columns: [PostgresColumn], _ indexes: [PostgresIndex], usable: [String]?
  ) -> Failure {
    let primary = indexes.first { $0.isPrimary && !$0.isBtree }
    let names = Set(primary?.columns.compactMap { number in columns.first { $0.number == number }?.name } ?? [])
    if primary != nil, source.keys == ["id"] || Set(source.keys) == names {
      return Failure(
        .configuration, "\(source.name).\(source.key)",
        "its primary key is WITHOUT OVERLAPS, by which no table can be read in order",
        remedy: "name NOT NULL columns that have a unique index with `key` in the job")
    }
    let hasPrimaryKey = indexes.contains(where: \.isPrimary)
    let unique = usable.map { "name the columns of its unique index in the job: key: [\($0.joined(separator: ", "))]" }
    let remedy =
      hasPrimaryKey
      ? "name its primary key with `key` in the job"
      : unique ?? "add a primary key, or name NOT NULL columns that have a unique index with `key` in the job"
    // `id` is only the default, which the job need not have written.
    guard hasPrimaryKey || source.keys != ["id"] else {
      return Failure(.configuration, source.name, "it has no primary key", remedy: remedy)
    }
    for key in source.keys where !columns.contains(where: { $0.name == key }) {
      return Failure(.configuration, "\(source.name).\(key)", "there is no such column", remedy: remedy)
    }
    return Failure(
      .configuration, "\(source.name).\(source.key)",
      "it is not the table's key: it may be NULL or hold a value twice", remedy: remedy)
  }

  /// The index that finds the rows that lack a vector, in the key's order: one that leaves out blank ones before one that
  /// doesn't. Where there is none and the table is large, the statement that makes one.
  ///
  /// A partitioned table has it, too, where each of its partitions has one.
  func missingRowsIndex(
    isPartitioned: Bool, on connection: isolated PostgresConnection
  ) throws -> (index: MissingRowsIndex?, warnings: [String]) {
    let found = try indexes(by: key, isPartitioned: isPartitioned, on: connection)
    guard found.isEmpty else { return (found.contains(.texts) ? .texts : .all, []) }
    guard let statement = try statement(by: key, on: connection) else { return (nil, []) }
    return (nil, ["no index finds the rows that lack a vector, so all rows are read for them: \(statement)"])
  }

  /// The indexes that hold the rows that lack a vector in the order of `key`.
  func indexes(
    by key: PostgresKey, isPartitioned: Bool, on connection: isolated PostgresConnection
  ) throws -> [MissingRowsIndex] {
    let width = key.columns.count
    let numbers = key.columns.compactMap { part in columns.first { $0.name == part.name }?.number }
    let found = indexes.filter { index in
      index.isValid && index.isBtree && !index.hasExpressions && Array(index.columns.prefix(width)) == numbers
        && Set(index.orders.prefix(width)).count == 1
    }.compactMap { index in
      index.condition.flatMap { MissingRowsIndex(condition: $0, vector: source.vector, text: source.indexedText) }
    }
    guard found.isEmpty, isPartitioned else { return found }
    return try indexesOfPartitions(.array(key.columns.map(\.name)), on: connection)
  }

  /// What makes such an index; nil where the table is too small to need one.
  func statement(by key: PostgresKey, on connection: isolated PostgresConnection) throws -> String? {
    // No index may have a column in it that is computed where it is read.
    let types = Dictionary(columns.filter { !$0.isVirtual }.map { ($0.name, $0.type.name) }) { first, _ in first }
    let predicate = MissingRowsIndex(for: source.indexedText, types: types)
      .predicate(vector: source.vector, text: source.indexedText)
    let size = try connection.inspect(
      """
      \(TableFamily.clause())
      SELECT sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE pg_relation_size(c.oid) / 200 END) FILTER (
          WHERE c.relkind = 'r')::bigint AS rows,
        (SELECT format('CREATE INDEX %sON %s (%s) WHERE %s',
            CASE p.relkind WHEN 'r' THEN 'CONCURRENTLY ' ELSE '' END,
            format('%I.%I', n.nspname, p.relname),
            (SELECT string_agg(quote_ident(name), ', ' ORDER BY place)
              FROM unnest($3::text[]) WITH ORDINALITY AS k(name, place)), $2::text)
          FROM pg_class p JOIN pg_namespace n ON n.oid = p.relnamespace WHERE p.oid = $1::oid) AS statement
      FROM vecfill_family f JOIN pg_class c ON c.oid = f.oid
      """, [.text(relation), .text(predicate), .array(key.columns.map(\.name))])
    guard let row = size.first, let statement = row["statement"],
      (row["rows"].flatMap { Int($0) } ?? 0) > Self.rowsWorthAnIndex
    else { return nil }
    return statement
  }

  /// The indexes of missing rows that the partitions have, each its own; none where one of them has none.
  private func indexesOfPartitions(
    _ names: PostgresValue, on connection: isolated PostgresConnection
  ) throws -> [MissingRowsIndex] {
    let rows = try connection.inspect(
      """
      SELECT p.relid AS partition, pg_get_expr(i.indpred, i.indrelid) AS condition FROM pg_partition_tree($1::oid) p
      LEFT JOIN (pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree')
        ON i.indrelid = p.relid AND i.indisvalid AND i.indexprs IS NULL
          AND $2::text[] = array(
            SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
            WHERE k.place <= least(i.indnkeyatts, cardinality($2::text[])) ORDER BY k.place)
          AND 1 = (
            SELECT count(DISTINCT o.value) FROM unnest(i.indoption) WITH ORDINALITY AS o(value, place)
            WHERE o.place <= cardinality($2::text[]))
      WHERE p.isleaf
      """, [.text(relation), names])
    var found: [String: Set<MissingRowsIndex>] = [:]
    for row in rows {
      let index = row["condition"].flatMap {
        MissingRowsIndex(condition: $0, vector: source.vector, text: source.indexedText)
      }
      found[row["partition"] ?? "", default: []].formUnion(index.map { [$0] } ?? [])
    }
    return found.values.contains(where: \.isEmpty) ? [] : found.values.flatMap(\.self)
  }
}

extension Source {
  /// The source by the key that a run pages its table by. Throws a `Failure` where there is none.
  package func keyed(on connection: isolated PostgresConnection) throws -> Source {
    let relation = try connection.inspect("SELECT to_regclass($1)::oid", [.text(quotedName)])[0][0] ?? ""
    let columns = try PostgresColumn.all(of: relation, on: connection)
    var keyed = self
    keyed.keys = try PostgresKeyInspection(source: self, relation: relation, columns: columns, on: connection)
      .key.columns.map(\.name)
    return keyed
  }
}
