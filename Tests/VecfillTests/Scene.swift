import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A database, an embeddings server, a ledger and a job spec of a test's own.
struct Scene: Sendable {
  let folder: TemporaryFolder
  let database: ChatDatabase
  let server: EmbeddingsServer
  /// What each process finds otherwise in its environment; nil for what it doesn't find there.
  var changes: [String: String?] = [:]

  /// Serves while `body` runs; the test is skipped where its database is not installed.
  static func run(
    _ engine: ChatDatabase.Engine, _ options: EmbeddingsServer.Options = EmbeddingsServer.Options(),
    rules: [EmbeddingsServer.Rule] = [], indexed: Bool = false,
    _ body: (Scene) async throws -> Void
  ) async throws {
    if engine != .sqlite, !Helper.postgres.isUsable { try Test.cancel("\(Helper.postgres.missing)") }
    let folder = try TemporaryFolder()
    let database = try await ChatDatabase(engine, in: folder, indexed: indexed)
    try await EmbeddingsServer.run(options, rules: rules) { server in
      let scene = Scene(folder: folder, database: database, server: server)
      try scene.write(spec: scene.spec)
      try await body(scene)
    }
  }

  /// A job without limits of its own: those that the server tells hold.
  var unlimitedSpec: String {
    """
    sources:
      - table: chat_messages
      - table: standalone_chat_messages
    preparation:
      newlines: space
    model: text-embedding-3-small
    dimensions: 8
    batch_size: 10
    concurrency: 4
    """
  }

  var spec: String {
    unlimitedSpec + """

      limits:
        requests_per_minute: 1000000
        tokens_per_minute: 1000000000
      """
  }

  /// Makes `models.yaml`, in which the job's model has that price.
  func writeCatalogue(usdPerMillionTokens price: Double) throws {
    try Data(BudgetTests.catalogue(price).utf8).write(to: URL(fileURLWithPath: folder.file("models.yaml")))
  }

  func write(spec: String) throws {
    try Data(spec.utf8).write(to: URL(fileURLWithPath: folder.file("job.yaml")))
  }

  var ledgerPath: String { folder.file("ledger/vecfill.db") }

  var environment: [String: String] {
    [
      "DATABASE_URL": database.url, "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.root + "/v1",
      "VECFILL_LEDGER": ledgerPath, "XDG_STATE_HOME": folder.file("state"), "HOME": folder.path,
    ]
  }

  /// A vecfill that is running.
  func start(
    _ arguments: [String], _ changes: [String: String?] = [:], by script: String? = nil
  ) throws -> VecfillProcess {
    var environment = environment
    for (name, value) in self.changes.merging(changes, uniquingKeysWith: { $1 }) { environment[name] = value }
    return try VecfillProcess(arguments, environment: environment, workingFolder: folder.path, by: script)
  }

  /// `vecfill run job.yaml`, to its end.
  func fill(_ arguments: [String] = [], _ changes: [String: String?] = [:]) async throws -> VecfillProcess.Exit {
    try await start(["run", "job.yaml"] + arguments, changes).exit()
  }

  /// Kills so many runs, one after another, each after a number of requests from `requests`; returns how many of them were
  /// killed before they ended by themselves.
  func killRuns(
    _ count: Int, after requests: ClosedRange<Int>, _ arguments: [String] = [], _ changes: [String: String?] = [:],
    using random: inout some RandomNumberGenerator
  ) async throws -> Int {
    var kills = 0
    for _ in 0..<count {
      let wanted = server.record.requests.count + Int.random(in: requests, using: &random)
      let process = try start(["run", "job.yaml"] + arguments, changes)
      try await poll("requests or the end") { server.record.requests.count >= wanted || !process.isRunning }
      process.send(SIGKILL)
      if await process.exit().signal == SIGKILL { kills += 1 }
    }
    return kills
  }

  /// What the ledger says of the only job.
  func status() async throws -> Ledger.JobStatus? {
    try await Ledger.openForReading(at: ledgerPath)?.jobs().first
  }

  /// Keeps everyone else from writing to the SQLite file; reading goes on. Runs that come later find the columns
  /// recorded there, as after any earlier run.
  func holdWrites() async throws -> Hold {
    let spec = spec.replacing("- table: chat_messages", with: "- table: chat_messages\n    where: \"false\"")
      .replacing("- table: standalone_chat_messages", with: "- table: standalone_chat_messages\n    where: \"false\"")
    try Data(spec.utf8).write(to: URL(fileURLWithPath: folder.file("none.yaml")))
    let exit = try await start(["run", "none.yaml", "--ledger", folder.file("none.db")]).exit()
    guard exit.code == 0 else { throw SceneError(description: exit.errors) }
    return try Hold(writesTo: folder.file("chat.db"))
  }

  /// Returns once the ledger says so.
  func wait(until isReady: (Ledger.JobStatus) -> Bool) async throws {
    try await poll("the ledger") { try await status().map(isReady) ?? false }
  }

  /// How many sessions vecfill has in the PostgreSQL database, of those for which `condition` holds.
  func sessions(_ condition: String = "true") async throws -> Int {
    try await database.rows(
      """
      SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'vecfill%' AND \(condition)
      """
    ).count
  }

  /// Whether a session has read a page, and the next statement has not come.
  func hasReadAPage() async throws -> Bool { try await sessions("state = 'idle' AND query ILIKE '%order by%'") > 0 }

  /// Looks until it is so; a test that would wait for ever fails.
  func poll(_ what: String, _ isSo: () async throws -> Bool) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(120)
    // Each look at a server starts a process there: many of them would keep what is awaited from coming.
    var pause: Duration = .milliseconds(5)
    while !(try await isSo()) {
      guard clock.now < deadline else { throw SceneError(description: "\(what) never came to be as awaited") }
      try await clock.sleep(for: pause)
      pause = min(pause * 1.25, .milliseconds(25))
    }
  }

  /// Another run asks for nothing, and `verify` finds no vector of an earlier text.
  func expectAllCurrent() async throws {
    let paid = server.record.requests.count
    #expect(try await fill().code == 0)
    #expect(server.record.requests.count == paid)
    let verified = try await start(["verify", "job.yaml", "--offline"]).exit()
    #expect(verified.output.contains("stale: no vector is older than its text"), "\(verified.output)")
  }

  /// Sends the signal until the process has ended: one that comes again at once is no second one.
  func insist(_ process: VecfillProcess, _ signal: Int32) async throws {
    try await poll("the end") {
      process.send(signal)
      return !process.isRunning
    }
  }

  /// The rows whose vector is not the one of their own text, or is missing though their text isn't blank.
  func wrongRows() async throws -> [String] {
    try await database.vectors().filter { row in
      guard let input = TextPreparation(newlines: .space).input(for: row.text) else { return row.vector != nil }
      let right = EmbeddingsServer.vector(for: input, dimensions: 8)
      guard let vector = row.vector, vector.count == right.count else { return true }
      return !zip(vector, right).allSatisfy { abs($0 - $1) < 1e-5 }
    }.map(\.text)
  }
}

struct SceneError: Error, CustomStringConvertible {
  let description: String
}
