import Backfill
import PgVector
import Postgres

/// The life of a table's vector indexes around a load, on PostgreSQL.
///
/// What has to be restored is recorded in the database before it is dropped and forgotten when it is back: after a
/// crash at any point, `finish` on any machine puts it back. Its errors are `Failure`s, or a `CancellationError` once
/// the task was cancelled and the statement that ran was ended.
package struct IndexLife: Sendable {
  let pair: PostgresPair
  let narrator: Narrator

  /// Runs `body` on connections to `url`, the own address, past any pooler, of what `database` is the address of.
  package static func with<Value>(
    _ url: DatabaseURL, of database: DatabaseURL, applicationName: String, narrator: Narrator,
    _ body: (IndexLife) async throws -> Value
  ) async throws -> Value {
    try await PostgresPair.with(url, applicationName: applicationName) { pair in
      if url != database { try await pair.check(isAlsoAt: database, applicationName: applicationName) }
      return try await body(IndexLife(pair: pair, narrator: narrator))
    }
  }

  /// Throws a `Failure` where what `policy` asks for is not possible. It drops nothing.
  package func check(_ policy: IndexPolicy, _ source: Source) async throws {
    try await reporting(source.name) {
      let table = try await pair.watcher.run { try IndexedTable(source, on: $0) }
      guard policy == .rebuild && !table.indexes.isEmpty || policy == .after && !table.isIndexed else { return }
      try table.check(policy)
      try await pair.prepare()
    }
  }

  /// Before the first write: with `rebuild`, records and drops all of the table's vector indexes where that saves time;
  /// returns the names of those that are away during the load, an earlier load's among them.
  ///
  /// Says what both ways would take where indexes stay that a rebuild would save a minute or more with.
  package func begin(_ policy: IndexPolicy, _ source: Source, dimensions: Int) async throws -> [String] {
    try await reporting(source.name) {
      let table = try await pair.watcher.run { try IndexedTable(source, on: $0) }
      let away = try await intents(of: table).filter { !$0.isPart }.map(\.name)
      let names = table.indexes.map(\.name.name)
      for name in away where !names.contains(name) {
        narrator.tell("\(name): away since an earlier load; it is put back after this one")
      }
      guard !names.isEmpty, let (estimate, missing) = try await estimate(table, dimensions),
        policy == .rebuild ? estimate.paysToRebuild : estimate.isWorthAdvice
      else { return away }
      let times = estimate.sentence(source.name, missing: missing, indexes: names)
      guard policy == .rebuild else {
        narrator.warn(
          table.allows(.rebuild) ? estimate.advice(source.name, missing: missing, indexes: names) : times)
        return away
      }
      narrator.tell(times)
      return try await exclusively(source.name) {
        // Durable before anything is dropped.
        try await pair.worker.run { connection in
          try table.intents.create(on: connection)
          try table.intents.record(ids: table.indexes.flatMap(\.members), column: source.vector, on: connection)
        }
        for index in table.indexes where index.isWhole { try await dropWhole(index.name) }
        for index in table.indexes where !index.isWhole { try await drop(index.name) }
        return try await intents(of: table).filter { !$0.isPart }.map(\.name)
      }
    }
  }

  /// nil where there is nothing to write, or so much to look through that it can't be told in time.
  private func estimate(_ table: IndexedTable, _ dimensions: Int) async throws -> (IndexEstimate, missing: Int)? {
    do {
      return try await pair.watcher.run { try table.estimate(dimensions: dimensions, on: $0) }
    } catch let error as PostgresError where error.sqlState == "57014" {
      narrator.warn(
        "\(table.source.name): counting the rows that lack a vector took too long; its vector indexes stay")
      return nil
    }
  }

  private func drop(_ name: SQLName) async throws {
    narrator.show("\(name.name): waiting to drop it")
    try await build(of: name.name).waitingForTransactions("DROP INDEX CONCURRENTLY IF EXISTS \(name.quoted)")
    narrator.tell("\(name.name): dropped until the load is done")
  }

  /// Drops a partitioned index with its parts, which PostgreSQL can't do concurrently: it takes a lock that all others
  /// wait for, and takes it only where it is free within half a second.
  private func dropWhole(_ name: SQLName) async throws {
    narrator.show("\(name.name): waiting to drop it")
    try await briefly(name.name) { try $0.execute("DROP INDEX IF EXISTS \(name.quoted)") }
    narrator.tell("\(name.name): dropped until the load is done")
  }

  /// Runs `body`, whose locks keep others from working, in a transaction that waits for none of them long, again and again.
  func briefly(
    _ subject: String, _ body: @escaping @Sendable (isolated PostgresConnection) throws -> Void
  ) async throws {
    let patience = LockPatience()
    let tell: @Sendable (String) -> Void = { narrator.tell($0) }
    try await pair.patiently(patience, subject, tell: tell) { connection in
      try connection.transaction { connection in
        try connection.limitLocks(to: patience.timeout)
        try body(connection)
      }
    }
  }

  /// After a load that completed: puts back what was dropped, by whomever, and with `after` makes an index where the
  /// column has none; returns the names of those that it built.
  package func finish(_ policy: IndexPolicy, _ source: Source, dimensions: Int) async throws -> [String] {
    try await reporting(source.name) {
      let table = try await pair.watcher.run { try IndexedTable(source, on: $0) }
      let isMissing = policy == .after && !table.isIndexed
      let away = try await intents(of: table)
      guard isMissing || !away.isEmpty else { return [] }
      return try await exclusively(source.name) {
        if isMissing { try await recordMissing(table, dimensions) }
        return try await putBack(try await intents(of: table))
      }
    }
  }

  /// After a load that ended for good before it completed: puts back what was dropped and builds nothing else; returns
  /// the names.
  package func putBack(_ source: Source) async throws -> [String] {
    try await reporting(source.name) {
      let table = try await pair.watcher.run { try IndexedTable(source, on: $0) }
      guard try await !intents(of: table).isEmpty else { return [] }
      return try await exclusively(source.name) { try await putBack(try await intents(of: table)) }
    }
  }

  /// The names of the table's indexes that are recorded to be built.
  package func away(_ source: Source) async throws -> [String] {
    try await reporting(source.name) {
      try await intents(of: try await pair.watcher.run { try IndexedTable(source, on: $0) }).filter { !$0.isPart }
        .map(\.name)
    }
  }

  /// Puts back what any load dropped, whether it has ended or not; returns the names.
  package func restore() async throws -> [String] {
    try await reporting("indexes") {
      let reading = try await pair.watcher.run { try IndexIntents.everywhere(on: $0) }
      for warning in reading.warnings { narrator.warn(warning) }
      guard !reading.intents.isEmpty else { return [] }
      return try await exclusively("indexes") {
        defer { narrator.show("") }
        return try await putBack(try await pair.worker.run { try IndexIntents.everywhere(on: $0).intents })
      }
    }
  }

  private func intents(of table: IndexedTable) async throws -> [IndexIntent] {
    let reading = try await pair.watcher.run { try table.intents.read(on: $0) }
    for warning in reading.warnings { narrator.warn(warning) }
    return reading.intents
  }

  private func recordMissing(_ table: IndexedTable, _ dimensions: Int) async throws {
    let pgvector = try await pair.worker.run { try PgVector.installed(on: $0) }
    let source = table.source
    guard
      let index = HNSWIndex(
        column: source.vector, type: table.type, dimensions: dimensions, isDeclared: table.isDeclared, in: pgvector)
    else {
      narrator.warn("\(source.name): no HNSW index holds \(dimensions) dimensions")
      return
    }
    try await pair.worker.run { connection in
      try table.intents.create(on: connection)
      // One that is away on the column comes back instead.
      let away = try table.intents.read(on: connection).intents.compactMap(RecordedIndex.init).map(\.index)
      guard !away.contains(where: { $0.names.contains(source.vector) }) else { return }
      let name = IndexName.of(source, IndexName.Suffix.vectors)
      let taken = try OwnName.indexes(name.both, of: [source.vector], on: table.name, connection)
      let awaited = try IndexIntents.everywhere(on: connection).intents
      let isFree = !awaited.contains { $0.place == table.intents.place && $0.name == name.plain }
      try table.intents.record(
        name.chosen(isFree: isFree) { taken[$0] }, body: index.body, column: source.vector, on: connection)
    }
  }

  func build(of name: String) -> IndexBuild {
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
