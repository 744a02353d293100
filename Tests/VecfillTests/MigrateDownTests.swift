import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// `vecfill migrate down` beside runs of the job.
@Suite struct MigrateDownTests {
  static let postgres = ChatDatabase.Engine.allCases.filter { $0 != .sqlite }

  /// A scene with the one table of messages, whose column `migrate up` has made.
  static func run(
    _ engine: ChatDatabase.Engine, rules: [EmbeddingsServer.Rule] = [], extra: String = "",
    _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(engine, rules: rules) { scene in
      try scene.write(
        spec: scene.spec.replacing("\n  - table: standalone_chat_messages", with: "") + "\n" + extra)
      try await scene.database.run("ALTER TABLE chat_messages DROP COLUMN embedding")
      try await scene.database.insert((1...20).map { "message \($0)" })
      let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(up.code == 0, "\(up.errors)")
      try await body(scene)
    }
  }

  static func down(_ scene: Scene, _ arguments: [String] = []) async throws -> VecfillProcess.Exit {
    try await scene.start(["migrate", "down", "job.yaml", "--to", "0"] + arguments).exit()
  }

  static func hasColumn(_ scene: Scene) async throws -> Bool {
    do {
      return try await scene.database.count("embedding IS NULL OR true") > 0
    } catch {
      return false
    }
  }

  /// By the ledger, by the database's spool beside it, and by that alone, as on another machine.
  @Test(arguments: postgres, [("ledger", false), ("database", false), ("database", true)])
  func `vectors that are paid for and not written are only lost with --yes, and their number is told`(
    _ engine: ChatDatabase.Engine, _ spool: (place: String, losesLedger: Bool)
  ) async throws {
    try await Self.run(engine, extra: "spool: \(spool.place)\n") { scene in
      try await KillTests.dieBeforeTheRows(scene, engine)
      if spool.losesLedger { try FileManager.default.removeItem(atPath: scene.folder.file("ledger")) }
      let refused = try await Self.down(scene)
      #expect(refused.code == 64, "\(refused.output)\(refused.errors)")
      #expect(
        refused.errors.contains(
          "loses 20 vectors of chat_messages.embedding, paid for and not written: a run of the job writes them"),
        "\(refused.errors)")
      #expect(!refused.errors.contains("drops "), "no row has a vector: \(refused.errors)")
      #expect(try await Self.hasColumn(scene))
      let requests = scene.server.record.requests.count
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.requests.count == requests, "what was paid for was kept")
      let written = try await Self.down(scene)
      #expect(written.code == 64)
      #expect(written.errors.contains("drops 20 values of chat_messages.embedding"), "\(written.errors)")
      #expect(!written.errors.contains("loses "), "\(written.errors)")
      let done = try await Self.down(scene, ["--yes"])
      #expect(done.code == 0, "\(done.errors)")
      #expect(try await !Self.hasColumn(scene))
    }
  }

  @Test(arguments: postgres) func `with --yes paid vectors go, and the next run pays again`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    try await Self.run(engine) { scene in
      try await KillTests.dieBeforeTheRows(scene, engine)
      let done = try await Self.down(scene, ["--yes"])
      #expect(done.code == 0, "\(done.errors)")
      #expect(done.errors.contains("loses 20 vectors of chat_messages.embedding"), "\(done.errors)")
      #expect(try await !Self.hasColumn(scene))
      #expect(try await scene.start(["migrate", "up", "job.yaml"]).exit().code == 0)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL") == 0)
    }
  }

  /// In SQLite a column that is made again is known by its name: nothing is lost, and nothing asked for.
  @Test func `on SQLite what is paid for outlives the column`() async throws {
    try await Self.run(.sqlite) { scene in
      try await KillTests.dieBeforeTheRows(scene, .sqlite)
      let done = try await Self.down(scene)
      #expect(done.code == 0, "\(done.errors)")
      #expect(try await scene.start(["migrate", "up", "job.yaml"]).exit().code == 0)
      let requests = scene.server.record.requests.count
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(scene.server.record.requests.count == requests)
      #expect(try await scene.database.count("embedding IS NULL") == 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases, [[], ["--yes"]])
  func `while a run fills the column it is kept, and the exit code is 80`(
    _ engine: ChatDatabase.Engine, _ arguments: [String]
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Self.run(engine, rules: [.always(.hold(gate, then: .answer))]) { scene in
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight > 0 }
      let exit = try await Self.down(scene, arguments)
      #expect(exit.code == 80, "\(exit.output)\(exit.errors)")
      #expect(exit.errors.contains("chat_messages"), "\(exit.errors)")
      #expect(try await Self.hasColumn(scene))
      gate.open()
      #expect(await process.exit().code == 0)
      #expect(try await Self.down(scene, ["--yes"]).code == 0)
    }
  }

  @Test(arguments: postgres) func `while one shard of the job is at work it ends with 80, too`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Self.run(engine, rules: [.always(.hold(gate, then: .answer))]) { scene in
      let plan = try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit()
      #expect(plan.code == 0, "\(plan.errors)")
      let process = try scene.start(["run", "job.yaml", "--shard", "1"])
      try await scene.server.wait { $0.inFlight > 0 }
      let exit = try await Self.down(scene, ["--yes"])
      #expect(exit.code == 80, "\(exit.output)\(exit.errors)")
      #expect(exit.errors.contains("shard 1 fills it"), "\(exit.errors)")
      #expect(try await Self.hasColumn(scene))
      gate.open()
      #expect(await process.exit().code == 0)
    }
  }

  @Test(arguments: [
    ("sources: [{table: parts}]", "sources: [{table: parts_1}]"),
    (
      "sources: [{table: whole, chunks: {table: pieces, tokens: 100, overlap: 0}}]",
      "sources: [{table: whole, chunks: {table: pieces, tokens: 100, overlap: 0}}]"
    ),
  ])
  func `a partition that is filled keeps the column of its table, and the pieces of texts keep theirs`(
    _ migrated: String, _ filled: String
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.postgres16, rules: [.always(.hold(gate, then: .answer))]) { scene in
      try await scene.database.run(
        """
        CREATE TABLE parts (id int PRIMARY KEY, content text) PARTITION BY RANGE (id);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10); INSERT INTO parts VALUES (1, 'x');
        CREATE TABLE whole (id int PRIMARY KEY, content text); INSERT INTO whole VALUES (1, 'a text');
        """)
      let model = "\nmodel: text-embedding-3-small\ndimensions: 8\n"
      try scene.write(spec: migrated + model)
      let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      try #require(up.code == 0, "\(up.errors)")
      try scene.write(spec: filled + model)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight > 0 }
      try scene.write(spec: migrated + model)
      let exit = try await Self.down(scene, ["--yes"])
      #expect(exit.code == 80, "\(exit.output)\(exit.errors)")
      gate.open()
      #expect(await process.exit().code == 0)
    }
  }
}
