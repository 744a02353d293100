import Backfill
import Postgres

/// The life of a column's vector indexes around a load, on PostgreSQL.
///
/// What has to be there again is recorded in the database before it is dropped and forgotten when it is back: after a
/// crash at any point, `finish` on any machine puts it back. Its errors are `Failure`s, or a `CancellationError` once
/// the task was cancelled and the statement that ran was ended.
package struct IndexLife: Sendable {
  private let pair: PostgresPair
  private let narrator: Narrator

  /// Connects to `url`, the own address, past any pooler, of what `database` is the address of.
  package static func connect(
    to url: DatabaseURL, of database: DatabaseURL, applicationName: String, narrator: Narrator
  ) async throws -> IndexLife {
    let pair = try await PostgresPair.connect(to: url, applicationName: applicationName)
    do {
      if url != database { try await pair.check(isAlsoAt: database, applicationName: applicationName) }
      return IndexLife(pair: pair, narrator: narrator)
    } catch {
      await pair.close()
      throw error
    }
  }

  package func close() async { await pair.close() }

  /// Throws a `Failure` where what `policy` asks for is not possible, before anything is dropped or loaded.
  package func check(_ policy: IndexPolicy, _ source: Source) async throws {
    try await reporting(source.name) {
      let column = try await pair.watcher.run { try IndexedColumn(source, on: $0) }
      guard policy == .rebuild && !column.indexes.isEmpty || policy == .after && !column.isIndexed else { return }
      try column.check(policy)
      try await pair.prepare()
    }
  }

  /// Before a load: with `rebuild`, records and drops the column's vector indexes where that saves time; returns the
  /// names of those that are away during it, an earlier load's among them.
  ///
  /// Says what both ways would take where an index stays that a rebuild would save time with.
  package func begin(_ policy: IndexPolicy, _ source: Source, dimensions: Int) async throws -> [String] {
    try await reporting(source.name) {
      let column = try await pair.watcher.run { try IndexedColumn(source, on: $0) }
      let away = try await pair.watcher.run { try IndexIntents.of(column, on: $0) }.map(\.name)
      let names = column.indexes.map(\.name.name)
      for name in away where !names.contains(name) {
        narrator.tell("\(name): away since an earlier load; it is put back after this one")
      }
      guard !names.isEmpty,
        let (estimate, missing) = try await pair.watcher.run({ try column.estimate(dimensions: dimensions, on: $0) }),
        estimate.paysToRebuild
      else { return away }
      let times =
        "\(source.name): writing \(missing) rows takes some \(estimate.keeping.rough) with "
        + "\(names.joined(separator: ", ")) kept and \(estimate.rebuilding.rough) with it rebuilt"
      guard policy == .rebuild else {
        narrator.warn(column.allowsConcurrency ? "\(times); `index: {when: rebuild}` in the job does that" : times)
        return away
      }
      narrator.tell(times)
      return try await exclusively(source.name) {
        // Durable before anything is dropped.
        try await pair.worker.run { connection in
          try IndexIntents.create(for: column, on: connection)
          try IndexIntents.record(column, on: connection)
        }
        for index in column.indexes { try await drop(index.name) }
        return try await pair.worker.run { try IndexIntents.of(column, on: $0) }.map(\.name)
      }
    }
  }

  private func drop(_ name: SQLName) async throws {
    narrator.show("\(name.name): waiting to drop it")
    try await build(of: name.name).waitingForTransactions("DROP INDEX CONCURRENTLY IF EXISTS \(name.quoted)")
    narrator.tell("\(name.name): dropped until the load is done")
  }

  /// After a load: puts back what was dropped, by whomever, and with `after` makes an index where the column has none;
  /// returns the names of those that it built.
  package func finish(_ policy: IndexPolicy, _ source: Source, dimensions: Int) async throws -> [String] {
    try await reporting(source.name) {
      let column = try await pair.watcher.run { try IndexedColumn(source, on: $0) }
      let isMissing = policy == .after && !column.isIndexed
      let isPending = try await pair.watcher.run { try !IndexIntents.of(column, on: $0).isEmpty }
      guard isPending || isMissing else { return [] }
      return try await exclusively(source.name) {
        if isMissing { try await recordMissing(column, dimensions) }
        return try await putBack(try await pair.worker.run { try IndexIntents.of(column, on: $0) })
      }
    }
  }

  /// The names of the column's indexes that are recorded to be built.
  package func away(_ source: Source) async throws -> [String] {
    try await reporting(source.name) {
      try await pair.watcher.run { try IndexIntents.of(IndexedColumn(source, on: $0), on: $0) }.map(\.name)
    }
  }

  /// Puts back what any load dropped, whether it has ended or not; returns the names.
  package func restore() async throws -> [String] {
    try await reporting("indexes") {
      guard try await pair.watcher.run({ try !IndexIntents.all(on: $0).isEmpty }) else { return [] }
      return try await exclusively("indexes") {
        defer { narrator.show("") }
        return try await putBack(try await pair.worker.run { try IndexIntents.all(on: $0) })
      }
    }
  }

  private func recordMissing(_ column: IndexedColumn, _ dimensions: Int) async throws {
    guard let index = VectorIndex.definition(for: column.source, dimensions: dimensions, isHalf: column.isHalf) else {
      narrator.warn("\(column.source.name): no HNSW index holds \(dimensions) dimensions")
      return
    }
    try await pair.worker.run { connection in
      try IndexIntents.create(for: column, on: connection)
      guard try IndexIntents.of(column, on: connection).isEmpty else { return }
      try IndexIntents.record(index, of: column, on: connection)
    }
  }

  private func putBack(_ intents: [IndexIntents.Intent]) async throws -> [String] {
    for intent in intents { try await putBack(intent) }
    return intents.map(\.name)
  }

  private func putBack(_ intent: IndexIntents.Intent) async throws {
    let statement = try SQLStatement.split(intent.definition, .postgres, in: intent.name).first
    guard let statement, case .createIndex(let index)? = SchemaChange(statement) else {
      throw Failure(
        .badData, intent.place, "the definition of \(intent.name) can't be read: \(intent.definition)",
        remedy: "run it by hand and delete the row")
    }
    narrator.tell("\(intent.name): building")
    narrator.show("\(intent.name): building")
    let started = ContinuousClock.now
    try await pair.worker.query("SELECT set_config('default_tablespace', $1, false)", [.text(intent.tablespace)])
    try await build(of: intent.name).run(index)
    if let comment = intent.comment {
      let literal = comment.replacing("\\", with: "\\\\").replacing("'", with: "''")
      let name = SQLName(schema: index.table.schema, index.name.name)
      try await pair.worker.execute("COMMENT ON INDEX \(name.quoted) IS E'\(literal)'")
    }
    try await pair.worker.run { try IndexIntents.forget(intent, on: $0) }
    narrator.tell("\(intent.name): there again after \(started.duration(to: .now).rough)")
  }

  private func build(of name: String) -> IndexBuild {
    IndexBuild(pair: pair, subject: name, narrator: narrator)
  }

  /// Runs `body` while no other process changes the schema, however long that has to be waited for: what is dropped or
  /// built here is a part of a load that may have taken hours.
  private func exclusively<Value: Sendable>(
    _ subject: String, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    try await pair.exclusively(
      patience: nil, waiting: { narrator.tell("\(subject): waits for the schema's lock: \($0.reason)") }, body)
  }

  private func reporting<Value: Sendable>(
    _ subject: String, _ body: () async throws -> Value
  ) async throws -> Value {
    do {
      return try await body()
    } catch let error as PostgresError {
      let remedy =
        error.sqlState == "42501"
        ? "name a role that may in VECFILL_MIGRATION_DATABASE_URL, then run the same command again"
        : "which indexes have to be put back is recorded: run the same command again"
      throw error.failure(subject, remedy: remedy)
    }
  }
}
