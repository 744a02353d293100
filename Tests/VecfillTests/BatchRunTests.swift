import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// Real processes in batch mode against the scripted batch API.
@Suite struct BatchRunTests {
  static let isFull = ProcessInfo.processInfo.environment["VECFILL_CHAOS"] == "batch"
  /// `scripts/chaos batch` has 20,000.
  private static let texts = (0..<(isFull ? 20_000 : 300)).map { "message \($0) of a batch" }

  /// Runs again until nothing waits; returns the last exit. A batch that may have been asked for is looked for over minutes,
  /// in which a dozen runs may end.
  private static func runOn(_ scene: Scene, _ arguments: [String] = []) async throws -> VecfillProcess.Exit {
    var exit = try await scene.fill(["--batch"] + arguments)
    for _ in 0..<12 where exit.code == 75 { exit = try await scene.fill(["--batch"] + arguments) }
    return exit.code == 75 ? try await scene.fill(["--batch", "--wait"] + arguments) : exit
  }

  /// Serves `body` with a job whose provider has such a batch API.
  private static func run(
    _ dialect: EmbeddingsServer.BatchDialect, _ engine: ChatDatabase.Engine,
    rules: [EmbeddingsServer.Rule] = [], _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(engine, rules: rules) { scene in
      var scene = scene
      if dialect == .gemini {
        scene.changes = ["OPENAI_BASE_URL": nil, "OPENAI_API_KEY": nil, "VECFILL_API_KEY": "sk-test"]
        let place = "provider: gemini\nbase_url: \(scene.server.root)/v1beta\n"
        try scene.write(spec: scene.spec.replacing("model: ", with: "\(place)model: "))
      }
      try await body(scene)
    }
  }

  /// How the server's log begins a call for a batch or a file of answers.
  private static func call(_ what: Step, _ dialect: EmbeddingsServer.BatchDialect) -> String {
    switch (what, dialect) {
    case (.fetching, .gemini): "GET /download/v1beta/files"
    case (.fetching, _): "GET /v1/files"
    case (_, .gemini): "GET /v1beta/batches"
    case (_, _): "GET /v1/batches"
    }
  }

  /// The APIs that have a form of their own each; Mistral's files and lines are OpenAI's.
  private static let dialects = [EmbeddingsServer.BatchDialect.openAI, .gemini]

  private static func check(_ scene: Scene, _ exit: VecfillProcess.Exit) async throws {
    #expect(exit.code == 0, "\(exit.errors)")
    #expect(try await scene.wrongRows() == [])
    #expect(scene.server.record.billedTwice == 0)
    #expect(scene.server.record.requests.isEmpty)
  }

  @Test(arguments: dialects, [ChatDatabase.Engine.postgres18, .sqlite])
  func `a run submits, is told to wait, and a later one writes`(
    dialect: EmbeddingsServer.BatchDialect, engine: ChatDatabase.Engine
  ) async throws {
    try await Self.run(dialect, engine) { scene in
      try await scene.database.insert(Self.texts)
      let first = try await scene.fill(["--batch", "--log-format", "json"])
      #expect(first.code == 75, "\(first.errors)")
      let verdict = try EventSchema.check(first.errors + first.output)
      #expect(verdict.problems == "")
      #expect(verdict.events["batch"] == 1)
      #expect(first.errors.contains("\"kind\":\"submitted\""))
      #expect(first.output.contains("\"rows_waiting\":\(Self.texts.count)"))
      let status = try await scene.start(["status"]).exit().output
      #expect(status.contains("waiting for the provider: \(Self.texts.count) rows"))
      #expect(status.contains("\(Self.texts.count.grouped) rows, with the provider"))
      let list = try await scene.start(["batch", "list", "job.yaml"]).exit()
      #expect(
        list.output.contains(dialect == .gemini ? "BATCH_STATE_RUNNING" : "in_progress")
          && list.output.contains(Self.texts.count.grouped),
        "\(list.output) \(list.errors)")
      // By requests nothing is asked for that waits.
      let plain = try await scene.fill()
      #expect(plain.code == 75, "\(plain.errors)")
      #expect(scene.server.record.requests.isEmpty)
      // Nor is it estimated again, or exported to be paid elsewhere.
      let estimate = try await scene.start(["estimate", "job.yaml", "--json"]).exit()
      #expect(estimate.output.contains("\"rows\":0"), "\(estimate.output) \(estimate.errors)")
      let export = try await scene.start(["export", "job.yaml", "--to", "out"]).exit()
      #expect(export.code == 0, "\(export.errors)")
      #expect(
        export.output.contains("\(Self.texts.count.grouped) paid already or in a provider's batch"), "\(export.output)")
      try await Self.check(scene, try await Self.runOn(scene))
    }
  }

  @Test(arguments: dialects)
  func `what a batch has for a column that a smaller job leaves out waits for the job that fills it`(
    dialect: EmbeddingsServer.BatchDialect
  ) async throws {
    try await Self.run(dialect, .postgres18) { scene in
      try await scene.database.insert((0..<50).map { "message \($0)" })
      try await scene.database.insert((0..<50).map { "other \($0)" }, into: "standalone_chat_messages")
      let both = try String(contentsOfFile: scene.folder.file("job.yaml"), encoding: .utf8)
      #expect(try await scene.fill(["--batch"]).code == 75)
      try scene.write(spec: "name: one\n" + both.replacing("  - table: standalone_chat_messages\n", with: ""))
      let one = try await Self.runOn(scene)
      #expect(one.code == 0 && one.output.contains("rows written         50"), "\(one.output)\(one.errors)")
      #expect(try await scene.database.count("embedding IS NULL", in: "standalone_chat_messages") == 50)
      try scene.write(spec: both)
      try await Self.check(scene, try await Self.runOn(scene))
      #expect(!one.errors.contains("possibly paid"), "\(one.errors)")
    }
  }

  enum Step: CaseIterable {
    case intended, uploaded, asked, polling, fetching, writing
  }

  @Test(arguments: dialects, Step.allCases)
  func `killed at any step, nothing is paid twice and every row gets its vector`(
    dialect: EmbeddingsServer.BatchDialect, step: Step
  ) async throws {
    try await Self.run(dialect, step == .writing ? .postgres18 : .sqlite) { scene in
      try await scene.database.insert(Self.texts)
      if [.polling, .fetching, .writing].contains(step) { #expect(try await scene.fill(["--batch"]).code == 75) }
      let process = try scene.start(["run", "job.yaml", "--batch", "--wait"])
      switch step {
      case .intended:
        try await scene.poll("the intent") {
          guard let ledger = try Ledger.openForReading(at: scene.ledgerPath), let job = try await ledger.jobs().first
          else { return false }
          return try await !ledger.batches(of: job).isEmpty
        }
      case .uploaded: try await scene.server.waitForBatches { $0.uploads > 0 }
      case .asked: try await scene.server.waitForBatches { $0.begun > 0 }
      case .polling: try await scene.server.waitForBatches { $0.calls.last == Self.call(.polling, dialect) }
      case .fetching: try await scene.server.waitForBatches { $0.calls.last == Self.call(.fetching, dialect) }
      case .writing:
        try await scene.poll("a row") { try await scene.database.vectors().contains { $0.vector != nil } }
      }
      await KillTests.kill(process)
      try await Self.check(scene, try await Self.runOn(scene))
      print(
        "figure: \(dialect) killed at \(step), \(Self.texts.count) rows: \(scene.server.record.billedTwice) paid twice")
      let left = try? FileManager.default.contentsOfDirectory(atPath: scene.ledgerPath + "-batches")
      #expect(left ?? [] == [])
    }
  }

  @Test(arguments: dialects)
  func `a lost answer, a list that is late, and answers out of order with strangers among them`(
    dialect: EmbeddingsServer.BatchDialect
  ) async throws {
    try await Self.run(dialect, .sqlite) { scene in
      try await scene.database.insert(Self.texts)
      scene.server.script {
        $0.lostSubmits = 1
        $0.listsBeforeShown = 2
        $0.flaws = [.reversed, .duplicate, .unknownID, .garbage, .noBreakAtEnd]
        $0.cuts = [20_000]
      }
      let exit = try await Self.runOn(scene)
      try await Self.check(scene, exit)
      let log = scene.server.batchLog
      #expect(log.lostReplies == 1 && log.listsWithout == 2 && log.flawed == 1 && log.cuts == 1 && log.begun == 1)
    }
  }

  @Test(arguments: dialects)
  func `SIGTERM leaves the batch with the provider, and it can be cancelled and fetched by hand`(
    dialect: EmbeddingsServer.BatchDialect
  ) async throws {
    try await Self.run(dialect, .sqlite) { scene in
      try await scene.database.insert(Self.texts)
      scene.server.script { $0.progress = Array(repeating: "in_progress", count: 1_000) }
      let process = try scene.start(["run", "job.yaml", "--batch", "--wait"])
      try await scene.server.waitForBatches { $0.calls.contains(Self.call(.polling, dialect)) }
      process.send(SIGTERM)
      let exit = await process.exit()
      #expect(exit.code == 143, "\(exit.errors)")
      #expect(scene.server.batchLog.cancelled == 0)
      let cancelled = try await scene.start(["batch", "cancel", "job.yaml"]).exit()
      #expect(cancelled.output.contains("asked to end"), "\(cancelled.errors)")
      let fetched = try await scene.start(["batch", "fetch", "job.yaml"]).exit()
      #expect(fetched.code == 0, "\(fetched.errors)")
      #expect(scene.server.batchLog.begun == 1)
      let written = try await scene.database.vectors().count { $0.vector != nil }
      #expect(written == Self.texts.count / 2)
      scene.server.script { $0.progress = [] }
      try await Self.check(scene, try await Self.runOn(scene))
    }
  }

  @Test(arguments: dialects)
  func `a text that the provider refuses goes into quarantine, the others of its line get their vectors`(
    dialect: EmbeddingsServer.BatchDialect
  ) async throws {
    try await Self.run(dialect, .sqlite, rules: [.poison { $0 == "message 7 of a batch" }]) { scene in
      try await scene.database.insert(Self.texts)
      let exit = try await Self.runOn(scene)
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.wrongRows() == ["message 7 of a batch"])
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  /// By its lines' own counts where they tell them, and by vecfill's otherwise, as by requests.
  @Test(arguments: [true, false])
  func `Gemini's batches are settled at half the price`(tellsTokens: Bool) async throws {
    try await Self.run(.gemini, .sqlite) { scene in
      let catalogue =
        "models:\n  - {id: text-embedding-3-small, provider: gemini, dimensions: 8, tokenizer: unverified, "
        + "price: {usd_per_million_tokens: 4}}\n"
      try Data(catalogue.utf8).write(to: URL(fileURLWithPath: scene.folder.file("models.yaml")))
      let arguments = ["--models", scene.folder.file("models.yaml")]
      try await scene.database.insert(Self.texts)
      let estimate = try await scene.start(["estimate", "job.yaml", "--json"] + arguments).exit()
      let figures = try #require(
        try JSONSerialization.jsonObject(with: Data(estimate.output.utf8)) as? [String: Any], "\(estimate.errors)")
      let all = try #require(figures["all"] as? [String: Any] ?? figures)
      let (full, half) = (all["cost_usd"] as? Double, all["batch_cost_usd"] as? Double)
      #expect(half != nil && half == full.map { $0 / 2 }, "\(estimate.output)")
      scene.server.script { $0.tellsTokens = tellsTokens }
      let exit = try await Self.runOn(scene, arguments)
      try await Self.check(scene, exit)
      let totals = try #require(try await scene.status()).totals
      let told = Double(scene.server.record.billedTokens) * 4 / 2 / 1_000_000
      let spent = try #require(totals.cost)
      if tellsTokens {
        #expect(abs(spent - told) < 1e-9)
      } else {
        #expect(abs(spent - (half ?? 0)) < 1e-9)
      }
    }
  }

  @Test(arguments: [
    (["--batch", "--follow"], "exclude each other"), (["--wait"], "--wait is for --batch"),
    (["--batch", "--provider", "ollama"], "has no batch API"),
  ])
  func `what does not go with batches is refused`(arguments: [String], said: String) async throws {
    try await Scene.run(.sqlite) { scene in
      let exit = try await scene.fill(arguments)
      #expect([64, 78].contains(exit.code))
      #expect(exit.errors.contains(said), "\(exit.errors)")
    }
  }

  /// 50,000 inputs of 1,536 dimensions are an output of 410 MB, with `scripts/chaos batch` and a release build.
  @Test func `a large output needs no more memory than a small one`() async throws {
    let rows = Self.isFull ? 50_000 : 2_000
    try await Scene.run(.postgres18) { scene in
      try await scene.database.run(
        "ALTER TABLE chat_messages DROP COLUMN embedding; ALTER TABLE chat_messages ADD embedding VECTOR(1536)")
      try scene.write(
        spec: """
          sources:
            - table: chat_messages
          model: text-embedding-3-small
          mode: batch
          send_dimensions: true
          """)
      try await scene.database.insert((0..<rows).map { "message \($0)" })
      scene.server.script { $0.progress = [] }
      #expect(try await scene.fill().code == 75)
      let (exit, megabytes) = try await scene.start(["run", "job.yaml"]).exitAndMemory()
      print("figure: an output of \(rows) vectors of 1,536 numbers: \(megabytes) MB")
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL") == 0)
      #expect(megabytes < 100)
    }
  }
}
