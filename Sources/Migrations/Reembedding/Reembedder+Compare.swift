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
          try VectorSearch(of: reembedding.formerColumn, in: table, on: connection),
          try VectorSearch(of: reembedding.newColumn, in: table, on: connection)
        )
      }
      let statement = Self.statement(table, former, new)
      let rows = try await sample(table, reembedding)
      let began = ContinuousClock.now
      var (overlaps, recalls): ([Double], [Double]) = ([], [])
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
      }
      func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      }
      return ReembeddingComparison(
        samples: overlaps.count, overlap: mean(overlaps), recall: new.isIndexed ? mean(recalls) : nil)
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

  /// Of the row at $1 and $2: which share of the former neighbours are new ones, and which share of the true new ones the
  /// search finds. One statement, so that all searches see the same rows.
  private static func statement(_ table: ReembeddedTable, _ former: VectorSearch, _ new: VectorSearch) -> String {
    func nearest(_ search: VectorSearch, to vector: String, isExact: Bool = false) -> String {
      """
      ARRAY(SELECT (t.tableoid, t.ctid)::text FROM \(table.name.quoted) t
        WHERE t.\(search.column.quotedIdentifier) IS NOT NULL AND NOT (t.tableoid = s.id AND t.ctid = s.place)
        ORDER BY \(search.distance(to: "s.\(vector)"))\(isExact ? " + 0" : "") LIMIT \(ReembeddingComparison.neighbours))
      """
    }
    func share(_ found: String, of all: String) -> String {
      "cardinality(ARRAY(SELECT unnest(\(found)) INTERSECT SELECT unnest(\(all))))::float8 / nullif(cardinality(\(all)), 0)"
    }
    return """
      SELECT \(share("new", of: "former")), \(share("new", of: "exact")) FROM (
        SELECT \(nearest(former, to: "former")) AS former, \(nearest(new, to: "new")) AS new,
          \(nearest(new, to: "new", isExact: true)) AS exact
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
  /// What the index is over, of the table `t`.
  let key: String
  private let operation: String
  let isIndexed: Bool

  init(of column: String, in table: ReembeddedTable, on connection: isolated PostgresConnection) throws {
    self.column = column
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

  func distance(to vector: String) -> String { "(\(key) \(operation) \(vector))" }
}
