import Backfill
import MessageStores

/// The life of a column's vector indexes around a load, on PostgreSQL.
///
/// What has to be there again is recorded in the database before it is dropped and forgotten when it is back: after a
/// crash at any point, `finish` on any machine puts it back. Its errors are `Failure`s.
package struct IndexLife: Sendable {
  private let pair: PostgresPair
  private let tell: @Sendable (String) -> Void
  private let identity: String

  /// Connects to `url` past any pooler; `tell` takes a line for a person as things happen.
  package static func connect(
    to url: DatabaseURL, applicationName: String, tell: @escaping @Sendable (String) -> Void
  ) async throws -> IndexLife {
    IndexLife(
      pair: try await PostgresPair.connect(to: url, applicationName: applicationName), tell: tell,
      identity: url.identity)
  }

  package func close() async { await pair.close() }

  /// What both ways would take; nil where the column has no vector index.
  package func estimate(for source: Source, dimensions: Int) async throws -> IndexEstimate? {
    try await reporting(source) {
      let (vector, table) = (source.vector.quotedIdentifier, source.tableName)
      let indexes = try await pair.watcher.run { try Self.vectorIndexes(of: source, on: $0) }
      guard indexes > 0 else { return nil }
      let counts = try await pair.watcher.query("SELECT count(*), count(*) - count(\(vector)) FROM \(table.quoted)")[0]
      return IndexEstimate(
        missing: counts[1].flatMap(Int.init) ?? 0, total: counts[0].flatMap(Int.init) ?? 0, dimensions: dimensions,
        indexes: indexes)
    }
  }

  /// Before a load: with `rebuild`, records and drops the column's vector indexes where that saves time; returns how many.
  ///
  /// Says what both ways would take in every case. Rows that are being written meanwhile are written.
  package func begin(_ policy: IndexPolicy, _ source: Source, dimensions: Int) async throws -> Int {
    guard let estimate = try await estimate(for: source, dimensions: dimensions) else { return 0 }
    let (keeping, rebuilding) = (Self.seconds(estimate.keeping), Self.seconds(estimate.rebuilding))
    let times =
      "\(source.name).\(source.vector) has a vector index: \(keeping) s with it kept, \(rebuilding) s with it rebuilt"
    guard policy == .rebuild else {
      if estimate.paysToRebuild { tell("\(times); `index: {when: rebuild}` drops it for the load") }
      return 0
    }
    tell(times)
    guard estimate.paysToRebuild else { return 0 }
    return try await exclusively(source) {
      try await pair.worker.execute(IndexIntents.schema)
      // Durable before anything is dropped.
      let names = try await pair.worker.run { try IndexIntents.record(source, on: $0) }
      for name in names {
        tell("\(name): dropped for the load; it is put back after it")
        try await build(source).waitingForTransactions("DROP INDEX CONCURRENTLY IF EXISTS \(name.quoted)")
      }
      return names.count
    }
  }

  /// After a load: puts back what was dropped, by whomever, and with `after` or `rebuild` makes an index where the column
  /// has none; returns how many it built.
  package func finish(_ policy: IndexPolicy, _ source: Source, dimensions: Int) async throws -> Int {
    let isPending = try await reporting(source) {
      try await pair.watcher.run { try !IndexIntents.of(source, on: $0).isEmpty }
    }
    guard isPending || policy != .keep else { return 0 }
    return try await exclusively(source) {
      if policy != .keep { try await recordMissing(source, dimensions) }
      let intents = try await pair.worker.run { try IndexIntents.of(source, on: $0) }
      for intent in intents { try await putBack(intent, source) }
      return intents.count
    }
  }

  /// Whether indexes on the column wait to be put back.
  package func isUnfinished(_ source: Source) async throws -> Bool {
    try await reporting(source) { try await pair.watcher.run { try !IndexIntents.of(source, on: $0).isEmpty } }
  }

  private func recordMissing(_ source: Source, _ dimensions: Int) async throws {
    try await pair.worker.execute(IndexIntents.schema)
    try await pair.worker.run { connection in
      guard try Self.vectorIndexes(of: source, on: connection) == 0, try IndexIntents.of(source, on: connection).isEmpty
      else { return }
      let isHalf = try connection.query(
        """
        SELECT t.typname = 'halfvec' AS half FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass($1) AND a.attname = $2
        """, [.text(source.tableName.quoted), .text(source.vector)]
      ).first?.isTrue("half")
      guard let index = VectorIndex.definition(for: source, dimensions: dimensions, isHalf: isHalf == true) else {
        return
      }
      try IndexIntents.record(index, of: source, on: connection)
    }
  }

  private func putBack(_ intent: IndexIntents.Intent, _ source: Source) async throws {
    let statement = try SQLStatement.split(intent.definition, .postgres, in: intent.name).first
    guard let statement, case .createIndex(let index)? = SchemaChange(statement) else {
      throw Failure(
        .badData, "vecfill_index", "the definition of \(intent.name) can't be read: \(intent.definition)",
        remedy: "run it by hand and delete the row")
    }
    tell("\(intent.name): building")
    let started = ContinuousClock.now
    try await pair.worker.query("SELECT set_config('default_tablespace', $1, false)", [.text(intent.tablespace)])
    try await build(source).run(index)
    if let comment = intent.comment {
      let literal = comment.replacing("'", with: "''").replacing("\\", with: "\\\\")
      let name = SQLName(schema: index.table.schema, index.name.name)
      try await pair.worker.execute("COMMENT ON INDEX \(name.quoted) IS E'\(literal)'")
    }
    try await pair.worker.run { try IndexIntents.forget(intent, of: source, on: $0) }
    tell("\(intent.name): back after \(Self.seconds(started.duration(to: .now))) s")
  }

  private func build(_ source: Source) -> IndexBuild {
    IndexBuild(pair: pair, subject: source.name, tell: tell)
  }

  private static func vectorIndexes(of source: Source, on connection: isolated PostgresConnection) throws -> Int {
    let found = try connection.query(
      """
      SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = $2
      WHERE i.indrelid = to_regclass($1) AND m.amname IN ('hnsw', 'ivfflat')
        AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
          AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)
      """, [.text(source.tableName.quoted), .text(source.vector)])
    return found[0][0].flatMap(Int.init) ?? 0
  }

  private func exclusively<Value: Sendable>(
    _ source: Source, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    try await reporting(source) { try await pair.exclusively(patience: .seconds(60), body) }
  }

  private func reporting<Value: Sendable>(
    _ source: Source, _ body: () async throws -> Value
  ) async throws -> Value {
    do {
      return try await body()
    } catch let error as PostgresError {
      throw error.failure(source.name, remedy: "what has to be put back is recorded: run the same command again")
    }
  }

  private static func seconds(_ duration: Duration) -> Int { Int((duration / .seconds(1)).rounded(.up)) }
}
