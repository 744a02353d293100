import Backfill
import PgVector
import Postgres

extension Reembedder {
  /// The most rows whose neighbours are compared.
  private static let samples = 30
  /// Once it is over, no further row is begun.
  private static let patience: Duration = .seconds(60)

  /// Compares the neighbours of some rows by the former column, by the new one and, without an index, by all new vectors.
  ///
  /// An exact search reads the whole table: on a large one fewer rows are compared, in about a minute.
  package func compare(_ reembedding: Reembedding, _ source: Source) async throws -> ReembeddingComparison {
    try await reporting(source.name) {
      defer { narrator.show("") }
      let table = try await table(source)
      let (former, new) = try await pair.watcher.run { connection in
        (
          try VectorSearch(of: reembedding.formerColumn, as: "former", in: table, on: connection),
          try VectorSearch(of: reembedding.newColumn, as: "new", in: table, on: connection)
        )
      }
      let statement = Self.statement(table, former, new)
      let rows = try await sample(table, reembedding)
      let began = ContinuousClock.now
      var (overlaps, recalls, formerRecalls): ([Double], [Double], [Double]) = ([], [], [])
      for (number, row) in rows.enumerated() where began.duration(to: .now) < Self.patience {
        narrator.show("\(reembedding.place): comparing neighbours, row \(number + 1) of \(rows.count)")
        let found = try await pair.watcher.run { connection in
          try connection.transaction { connection in
            // Without these a small table is never searched by its index, as it will be once it has grown.
            try connection.execute(
              "SET LOCAL enable_seqscan = off; SET LOCAL jit = off; SET LOCAL statement_timeout = '5min'")
            return try connection.query(statement, row)
          }
        }
        guard let shares = found.first else { continue }
        shares[0].flatMap(Double.init).map { overlaps.append($0) }
        shares[1].flatMap(Double.init).map { recalls.append($0) }
        shares[2].flatMap(Double.init).map { formerRecalls.append($0) }
      }
      func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      }
      return ReembeddingComparison(
        samples: overlaps.count, overlap: mean(overlaps), recall: mean(recalls), formerRecall: mean(formerRecalls))
    }
  }

  /// Some rows that have both vectors, by where they are.
  private func sample(_ table: ReembeddedTable, _ reembedding: Reembedding) async throws -> [[PostgresValue]] {
    try await pair.watcher.run { connection in
      let estimate =
        try connection.query(
          "SELECT reltuples FROM pg_class WHERE oid = $1::oid", [.text(table.id)])[0][0].flatMap(Double.init) ?? 0
      let sampled = estimate > 50_000 ? " TABLESAMPLE SYSTEM (\(min(100, 2_000_000 / estimate)))" : ""
      return try connection.query(
        """
        SELECT tableoid, ctid FROM \(table.name.quoted)\(sampled)
        WHERE \(reembedding.formerColumn.quotedIdentifier) IS NOT NULL
          AND \(reembedding.newColumn.quotedIdentifier) IS NOT NULL
        ORDER BY random() LIMIT \(Self.samples)
        """
      ).map { [.text($0[0] ?? ""), .text($0[1] ?? "")] }
    }
  }

  /// Of the row at $1 and $2: which share of the former neighbours are new ones, and which share of the true ones the
  /// search by the new column finds, and that by the former. One statement, so that all searches see the same rows.
  ///
  /// They are counted by their distance: of many equal texts any ten are as near as any other.
  private static func statement(_ table: ReembeddedTable, _ former: VectorSearch, _ new: VectorSearch) -> String {
    /// The distances by `measure` of what is found by `search`.
    func nearest(_ search: VectorSearch, measure: VectorSearch? = nil, isExact: Bool = false) -> String {
      """
      ARRAY(SELECT \((measure ?? search).distance) FROM \(table.name.quoted) t
        WHERE t.\(search.column.quotedIdentifier) IS NOT NULL AND NOT (t.tableoid = s.id AND t.ctid = s.place)
        ORDER BY \(search.distance)\(isExact ? " + 0" : "") LIMIT \(ReembeddingComparison.neighbours))
      """
    }
    func share(_ found: String, asNearAs exact: String, of all: String) -> String {
      "(SELECT count(*) FROM unnest(\(found)) d WHERE d <= \(exact)[cardinality(\(exact))])::float8 "
        + "/ nullif(cardinality(\(all)), 0)"
    }
    func recall(_ search: VectorSearch, _ name: String) -> String {
      search.isIndexed ? share("found_\(name)", asNearAs: "exact_\(name)", of: "exact_\(name)") : "NULL"
    }
    let nothing = "NULL::float8[]"
    return """
      SELECT \(share("kept", asNearAs: "exact_new", of: "kept")), \(recall(new, "new")), \(recall(former, "former")) FROM (
        SELECT \(nearest(former, measure: new)) AS kept, \(nearest(new, isExact: true)) AS exact_new,
          \(new.isIndexed ? nearest(new) : nothing) AS found_new,
          \(former.isIndexed ? nearest(former) : nothing) AS found_former,
          \(former.isIndexed ? nearest(former, isExact: true) : nothing) AS exact_former
        FROM (
          SELECT t.tableoid AS id, t.ctid AS place, \(former.key) AS former, \(new.key) AS new FROM \(table.name.quoted) t
          WHERE t.tableoid = $1::oid AND t.ctid = $2::tid
        ) s OFFSET 0
      ) found
      """
  }
}

/// How a column is searched: by its index where it has one, else by cosine distance.
private struct VectorSearch: Sendable {
  let column: String
  /// What the row `s` has its vector by.
  private let name: String
  /// What the index is over, of the table `t`.
  let key: String
  private let operation: String
  let isIndexed: Bool

  init(
    of column: String, as name: String, in table: ReembeddedTable, on connection: isolated PostgresConnection
  ) throws {
    self.column = column
    self.name = name
    let found = try connection.query(
      """
      SELECT f.opcname AS class, n.nspname AS schema, o.oprname AS operation
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      JOIN pg_opclass f ON f.oid = i.indclass[0]
      JOIN pg_amop p ON p.amopfamily = f.opcfamily AND p.amopstrategy = 1 AND p.amoppurpose = 'o'
        AND p.amoplefttype = f.opcintype
      JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
      WHERE m.amname IN ('hnsw', 'ivfflat') AND i.indisvalid AND i.indpred IS NULL
        AND (i.indrelid = $1::oid OR i.indrelid IN (SELECT relid FROM pg_partition_tree($1::oid)))
        AND EXISTS (SELECT FROM pg_depend d JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = i.indrelid AND a.attname = $2)
      ORDER BY c.relname
      """, [.text(table.id), .text(column)]
    ).first
    let type = table.columns[column]?.type
    let schema = found?["schema"] ?? table.pgvector?.schema ?? ""
    isIndexed = found != nil
    operation = "OPERATOR(\(schema.quotedIdentifier).\(found?["operation"] ?? "<=>"))"
    let plain = "t.\(column.quotedIdentifier)"
    // An index over a cast is used where the same cast is searched.
    if let name = found?["class"]?.split(separator: "_").first, let indexed = VectorType(rawValue: String(name)),
      indexed != type, let dimensions = table.columns[column]?.dimensions
    {
      key = "(\(plain)::\(schema.quotedIdentifier).\(indexed.rawValue)(\(dimensions)))"
    } else {
      key = plain
    }
  }

  /// From the row `t` to the row `s`.
  var distance: String { "(\(key) \(operation) s.\(name))" }
}
