import Backfill
import Foundation
import TestSupport
import Testing

/// Texts that are edited around `vecfill reembed`, where digests tell which vectors are of earlier texts.
@Suite struct ReembedEditTests {
  /// Each engine with each place of the digests.
  static let ways = ReembedTests.engines.flatMap { engine in ["digest", "{digest: table}"].map { (engine, $0) } }

  /// The scene with all digests in place.
  private static func run(
    _ engine: ChatDatabase.Engine, _ edits: String, _ body: (ReembedScene) async throws -> Void
  ) async throws {
    try await ReembedScene.run(engine, rows: 24) { world in
      let world = ReembedScene(
        scene: world.scene, dimensions: world.dimensions, edits: "\nedits: \(edits)\n")
      try world.writeSpec()
      try await succeed("migrate", world.scene.start(["migrate", "up", "job.yaml"]).exit())
      try await world.scene.database.run("UPDATE chat_messages SET embedding = NULL WHERE id % 2 = 0")
      try await fill(world)
      try await body(world)
    }
  }

  private static func succeed(_ what: String, _ exit: VecfillProcess.Exit) throws {
    guard exit.code == 0 else { throw SceneError(description: "\(what): \(exit.errors)") }
  }

  private static func fill(_ world: ReembedScene) async throws { try succeed("run", await world.scene.fill()) }

  private static func edit(_ world: ReembedScene, _ id: Int, to text: String) async throws {
    try await world.scene.database.run("UPDATE chat_messages SET content = '\(text)' WHERE id = \(id)")
  }

  private static func expectCurrent(_ world: ReembedScene, _ model: String) async throws {
    #expect(try await world.wrong(model) == [])
    let verified = try await world.scene.start(["verify", "job.yaml", "--offline"]).exit()
    #expect(verified.output.contains("stale: no vector is older than its text"), "\(verified.output)")
    #expect(!verified.output.contains("failed  stale"), "\(verified.output)")
  }

  @Test(arguments: ways)
  func `what is edited before a switch, after it or between two is of the present text on whichever side it ends`(
    _ engine: ChatDatabase.Engine, _ edits: String
  ) async throws {
    try await Self.run(engine, edits) { world in
      try await Self.edit(world, 5, to: "before the switch")
      try Self.succeed("reembed", await world.reembed(world.beginning))
      try await Self.edit(world, 6, to: "after the switch")
      try Self.succeed("undo", await world.reembed(["--undo"]))
      try await Self.edit(world, 7, to: "after it was undone")
      try await Self.fill(world)
      try await Self.expectCurrent(world, ReembedScene.former)
      try Self.succeed("again", await world.reembed(["--yes"]))
      try world.writeNewSpec()
      try await Self.fill(world)
      try await Self.expectCurrent(world, ReembedScene.new)
      try await Self.edit(world, 8, to: "before it is undone again")
      try await Self.fill(world)
      try Self.succeed("undo again", await world.reembed(["--undo"]))
      try world.writeSpec()
      try await Self.fill(world)
      try await Self.expectCurrent(world, ReembedScene.former)
      try Self.succeed("a third time", await world.reembed(["--yes"]))
      try Self.succeed("finish", await world.reembed(["--finish", "--yes"]))
      let digests = "SELECT relname FROM pg_class WHERE relname LIKE 'vecfill_digest%' AND relkind = 'r' ORDER BY 1"
      let tables = ChatDatabase.tables.map { ["vecfill_digest_\($0)_embedding"] }
      #expect(try await world.scene.database.rows(digests) == (edits == "digest" ? [] : tables))
    }
  }

  @Test(arguments: ways)
  func `rows that the change filled, or that were emptied before it, have no digest of another text`(
    _ engine: ChatDatabase.Engine, _ edits: String
  ) async throws {
    try await Self.run(engine, edits) { world in
      try await world.scene.database.insert(["new row"])
      try await world.scene.database.run("UPDATE chat_messages SET embedding = NULL WHERE id = 10")
      try await Self.edit(world, 10, to: "emptied, then edited")
      try Self.succeed("reembed", await world.reembed(world.beginning))
      try world.writeNewSpec()
      try await Self.expectCurrent(world, ReembedScene.new)
      try await world.scene.database.run("UPDATE chat_messages SET content = 'edited' WHERE content = 'new row'")
      try await Self.fill(world)
      try await Self.expectCurrent(world, ReembedScene.new)
    }
  }

  @Test(arguments: ReembedTests.engines)
  func `where nobody knows which rows were edited, nothing is begun, paid or switched`(_ engine: ChatDatabase.Engine)
    async throws
  {
    try await Self.run(engine, "digest") { world in
      func renew() async throws {
        try await world.scene.database.run(
          "ALTER TABLE chat_messages DISABLE TRIGGER USER; ALTER TABLE chat_messages ENABLE TRIGGER USER")
      }
      try await renew()
      let paid = world.scene.server.record.requests.count
      let refused = try await world.reembed(world.beginning)
      #expect(refused.code == 78 && refused.errors.contains("which rows were edited is not known"), "\(refused.errors)")
      #expect(world.scene.server.record.requests.count == paid)
      try await Self.fill(world)
      try Self.succeed("reembed", await world.reembed(world.beginning))
      try await renew()
      let stays = try await world.reembed(["--undo"])
      #expect(stays.code == 78 && stays.errors.contains("vecfill run JOB"), "\(stays.errors)")
      #expect(try await world.wrong(ReembedScene.new) == [])
      try world.writeNewSpec()
      try await Self.fill(world)
      try Self.succeed("undo", await world.reembed(["--undo"]))
      #expect(try await world.wrong(ReembedScene.former) == [])
    }
  }

  @Test(arguments: ReembedTests.engines)
  func `rows that don't meet the job's where are named in the plan, and keep the switch from being made`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    try await ReembedScene.run(engine, rows: 20) { world in
      try world.scene.write(source: "table: chat_messages\n    where: \"id > 12 -- the newest\"")
      let stopped = try await world.reembed(world.beginning)
      #expect(stopped.code == 83, "\(stopped.errors)")
      #expect(stopped.output.contains("11 have a vector and don't meet the job's where"), "\(stopped.output)")
      #expect(stopped.errors.contains("11 rows have a vector and get none of the new model"), "\(stopped.errors)")
      #expect(try await world.wrong(ReembedScene.former) == [])
      let agreed = try await world.reembed(["--yes", "--max-quarantined", "11"])
      #expect(agreed.code == 0, "\(agreed.errors)")
      #expect(try await world.scene.database.count("embedding IS NOT NULL") == 8)
    }
  }
}
