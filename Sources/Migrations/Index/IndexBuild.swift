import Backfill
import PgVector
import Postgres

/// Builds and drops indexes concurrently: whatever a build that died left, and whoever has to be waited for.
struct IndexBuild: Sendable {
  let pair: PostgresPair
  let subject: String
  let narrator: Narrator

  /// Makes the index there and valid, whatever is left of an earlier build. Throws a `PostgresError`.
  func run(_ index: SchemaChange.IndexDefinition) async throws {
    let name = SQLName(schema: index.table.schema, index.name.name)
    try await waitForBuilder(of: name)
    let isValid = try await pair.watcher.run { try Self.validity(of: name, on: index.table, $0) }
    switch isValid {
    case true?: return
    case false?: try await waitingForTransactions("DROP INDEX CONCURRENTLY \(name.quoted)")
    case nil: break
    }
    let settings = try await pair.worker.run { connection in try Self.settings(for: index, on: connection) }
    if let settings { try await apply(settings) }
    let statement =
      "CREATE \(index.isUnique ? "UNIQUE " : "")INDEX CONCURRENTLY \(index.name.name.quotedIdentifier) "
      + "ON \(index.table.quoted) \(index.body)"
    do {
      try await pair.withPgVectorOnPath { try await waitingForTransactions(statement) }
    } catch let error as PostgresError where error.sqlState == "53100" && settings != nil {
      // A container's /dev/shm is too small for parallel workers.
      narrator.warn("\(subject): \(error.reason); built without workers")
      try await pair.worker.execute("SET max_parallel_maintenance_workers = 0")
      try await waitingForTransactions("DROP INDEX CONCURRENTLY IF EXISTS \(name.quoted)")
      try await pair.withPgVectorOnPath { try await waitingForTransactions(statement) }
    }
    for notice in await pair.worker.takeNotices() where notice.message.contains("no longer fits") && !notice.isRaised {
      narrator.warn("\(subject): \(notice.message)")
    }
    if settings != nil {
      try await pair.worker.execute("RESET maintenance_work_mem; RESET max_parallel_maintenance_workers")
    }
    narrator.show("\(subject): ANALYZE of its table")
    try await pair.worker.execute("ANALYZE \(index.table.quoted)")
  }

  /// Runs a concurrent statement, which waits for every transaction older than itself; those are named first.
  ///
  /// It waits without a limit: what it holds meanwhile blocks no reader and no writer.
  func waitingForTransactions(_ statement: String) async throws {
    let old = try await pair.watcher.run { [pair] in try PostgresSession.long(but: pair.workerPID, on: $0) }
    if !old.isEmpty {
      narrator.tell("\(subject): waits for the transactions of \(old.map(\.description).joined(separator: "; "))")
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await showProgress() }
      defer { group.cancelAll() }
      // Not as a script: whatever it holds, it is one statement.
      try await pair.worker.query(statement)
    }
  }

  /// Waits while a session builds the index: one whose client was killed ends by itself within a second.
  private func waitForBuilder(of name: SQLName) async throws {
    var isTold = false
    while let pid = try await pair.watcher.query(
      "SELECT pid FROM pg_stat_progress_create_index WHERE index_relid = to_regclass($1)", [.text(name.quoted)]
    ).first?[0] {
      if !isTold { narrator.tell("\(subject): pid \(pid) is building \(name) now: waits for it") }
      isTold = true
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  private func showProgress() async {
    let clock = ContinuousClock()
    var last: IndexProgress?
    var phaseBegan = clock.now
    // What it can't find out is only a line of progress.
    while (try? await clock.sleep(for: .milliseconds(500))) != nil,
      let found = try? await pair.watcher.run({ [try IndexProgress.of(pair.workerPID, on: $0)] })
    {
      guard let progress = found[0] else { continue }
      if last?.isOf(samePhaseAs: progress) != true { phaseBegan = clock.now }
      last = progress
      narrator.show("\(subject): \(progress.text(after: clock.now - phaseBegan))")
    }
  }

  /// Whether the index of that name on `table` is valid; nil where there is none.
  private static func validity(
    of name: SQLName, on table: SQLName, _ connection: isolated PostgresConnection
  ) throws -> Bool? {
    try connection.query(
      """
      SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1) AND indrelid = to_regclass($2)
      """, [.text(name.quoted), .text(table.quoted)]
    ).first?.isTrue("valid")
  }

  private func apply(_ settings: BuildSettings) async throws {
    if !settings.fits {
      narrator.warn(
        "\(subject): the graph takes some \(settings.graphBytes >> 20) MB and the build may have \(settings.memory >> 20) MB: "
          + "it will be several times slower; raise maintenance_work_mem")
    }
    try await pair.worker.execute(
      "SET maintenance_work_mem = '\(settings.memory >> 10)kB'; "
        + "SET max_parallel_maintenance_workers = \(settings.workers)")
  }

  /// The settings for a vector index; nil for any other.
  private static func settings(
    for index: SchemaChange.IndexDefinition, on connection: isolated PostgresConnection
  ) throws -> BuildSettings? {
    guard index.body.lowercased().contains("hnsw") else { return nil }
    let found = try connection.query(
      """
      SELECT (SELECT count(*) FROM \(index.table.quoted)) AS rows,
        (SELECT max(a.atttypmod) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
          WHERE a.attrelid = c.oid AND t.typname IN ('vector', 'halfvec') AND a.attname = ANY ($2::text[])) AS dimensions,
        pg_size_bytes(current_setting('maintenance_work_mem')) AS memory,
        pg_size_bytes(current_setting('shared_buffers')) AS buffers,
        current_setting('max_parallel_maintenance_workers') AS workers, current_setting('max_parallel_workers') AS most
      FROM pg_class c WHERE c.oid = to_regclass($1)
      """, [.text(index.table.quoted), .text("{\(index.names.map(\.quotedElement).joined(separator: ","))}")])
    guard let row = found.first else { return nil }
    func number(_ column: String) -> Int { row[column].flatMap(Int.init) ?? 0 }
    let type: VectorType = index.body.lowercased().contains("halfvec") ? .halfvec : .vector
    return BuildSettings(
      rows: number("rows"), vectorBytes: type.bytes(dimensions: max(0, number("dimensions"))),
      serverMemory: number("memory"),
      sharedBuffers: number("buffers"), serverWorkers: number("workers"), maxWorkers: number("most"))
  }
}

extension String {
  /// As an element of an array's text form.
  fileprivate var quotedElement: String {
    "\"\(replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
  }
}
