import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A real run with `rebuild`, killed or stopped at a known point: the next one puts the indexes back.
@Suite struct IndexKillTests {
  static let engines = [ChatDatabase.Engine.postgres16, .postgres18]

  static func kill(_ process: VecfillProcess) async {
    process.send(SIGKILL)
    #expect(await process.exit().signal == SIGKILL)
  }

  /// Runs the job to its end: every row is right and every index is back.
  static func finish(
    _ world: IndexScene, _ changes: [String: String?] = [:]
  ) async throws {
    let exit = try await world.scene.fill([], changes)
    try await world.expectDone(exit)
    #expect(exit.output.contains("indexes built"))
    #expect(try await world.scene.wrongRows() == [])
  }

  @Test(arguments: engines) func `killed in the drop`(engine: ChatDatabase.Engine) async throws {
    try await IndexScene.run(engine, "rebuild") { (world) async throws in
      let hold = try world.hold()
      let process = try world.scene.start(["run", "job.yaml"])
      try await world.scene.poll("the drop") { try await world.validity().contains("f") }
      await Self.kill(process)
      hold.release()
      #expect(try await world.scene.database.count("embedding IS NOT NULL") == 0)
      try await Self.finish(world)
    }
  }

  @Test(arguments: engines) func `killed right after the drop`(engine: ChatDatabase.Engine) async throws {
    let gate = EmbeddingsServer.Gate()
    try await IndexScene.run(engine, "rebuild", gate: gate, held: 4) { (world) async throws in
      let hold = try world.hold()
      let process = try world.scene.start(["run", "job.yaml"])
      try await world.scene.poll("the drop") { try await world.validity().contains("f") }
      hold.release()
      try await world.scene.poll("no index") { try await world.validity().isEmpty }
      await Self.kill(process)
      gate.open()
      #expect(try await world.scene.database.count("embedding IS NULL") > 0)
      try await Self.finish(world)
    }
  }

  @Test(arguments: engines) func `killed in the load, and finished by another machine whose job says keep`(
    engine: ChatDatabase.Engine
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await IndexScene.run(engine, "rebuild", gate: gate, held: 6) { (world) async throws in
      let process = try world.scene.start(["run", "job.yaml"])
      try await world.scene.poll("rows") { try await world.scene.database.count("embedding IS NOT NULL") >= 10 }
      await Self.kill(process)
      #expect(try await world.indexes() == [])
      gate.open()
      try world.scene.write(spec: world.scene.spec)
      try await Self.finish(world, world.elsewhere)
    }
  }

  /// Runs `body` on a process that builds the first index and can't go on with it.
  static func whileBuilding(
    _ engine: ChatDatabase.Engine, _ policy: String = "rebuild",
    _ body: (IndexScene, VecfillProcess, Hold) async throws -> Void
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await IndexScene.run(engine, policy, indexed: policy == "rebuild", gate: gate, held: 6) {
      (world) async throws in
      let process = try world.scene.start(["run", "job.yaml"])
      try await world.scene.server.wait { $0.requests.count > 6 }
      try await world.scene.poll("no index") { try await world.validity().isEmpty }
      let hold = try world.hold()
      gate.open()
      try await world.scene.poll("the build") { try await world.validity().contains("f") }
      #expect(try await world.scene.database.count("embedding IS NULL") == 0)
      try await body(world, process, hold)
    }
  }

  @Test(arguments: engines) func `killed in the build`(engine: ChatDatabase.Engine) async throws {
    try await Self.whileBuilding(engine) { (world, process, hold) async throws in
      await Self.kill(process)
      #expect(try await world.scene.status()?.state == .running)
      hold.release()
      let requests = world.scene.server.record.requests.count
      try await Self.finish(world)
      #expect(world.scene.server.record.requests.count == requests)
    }
  }

  @Test func `stopped in the drop, it ends at once and says what is left`() async throws {
    try await IndexScene.run(.postgres18, "rebuild") { (world) async throws in
      let hold = try world.hold()
      let process = try world.scene.start(["run", "job.yaml"])
      try await world.scene.poll("the drop") { try await world.validity().contains("f") }
      process.send(SIGTERM)
      let exit = await process.exit()
      #expect(exit.code == 143)
      #expect(exit.output.contains(": away until a run completes"))
      #expect(try await world.scene.status()?.state == .stopped)
      hold.release()
      try await Self.finish(world)
    }
  }

  @Test func `stopped in the build, it ends at once and says what is left`() async throws {
    try await Self.whileBuilding(.postgres18) { (world, process, _) async throws in
      process.send(SIGTERM)
      let exit = await process.exit()
      #expect(exit.code == 143)
      #expect(exit.output.contains("stopped by SIGTERM; run the same command again to go on"))
      #expect(exit.output.contains("\(IndexScene.names.joined(separator: ", ")): away until a run completes"))
      #expect(try await world.scene.status()?.state == .stopped)
      #expect(try await world.recorded() == IndexScene.names)
    }
  }

  @Test func `stopped in the load, it says that the indexes are away, and migrate restore puts them back`() async throws
  {
    let gate = EmbeddingsServer.Gate()
    try await IndexScene.run(.postgres16, "rebuild", gate: gate, held: 6) { (world) async throws in
      let process = try world.scene.start(["run", "job.yaml"])
      try await world.scene.poll("no index") { try await world.validity().isEmpty }
      process.send(SIGINT)
      try await world.scene.poll("the stop") { process.errors.contains("stopping") }
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 130)
      #expect(
        exit.output.contains(
          "\(IndexScene.names.joined(separator: ", ")): away until a run completes; run the same command again, or "
            + "`vecfill migrate restore` to have them back before"))
      let verify = try await world.scene.start(["migrate", "verify", "--migrations", world.scene.folder.path]).exit()
      #expect(verify.output.contains("index \(IndexScene.names[0]) of public.chat_messages is not back"))
      let restored = try await world.scene.start(["migrate", "restore"]).exit()
      #expect(restored.output == "put back \(IndexScene.names.joined(separator: ", "))\n", "\(restored.errors)")
      #expect(try await world.indexes() == world.original)
      #expect(try await world.scene.start(["migrate", "restore"]).exit().output == "no index is away\n")
    }
  }

  @Test func `a budget that is used up leaves them away and says so; a later run brings them back`() async throws {
    try await IndexScene.run(.postgres18, "rebuild") { (world) async throws in
      let catalogue = BudgetTests.catalogue(5, tokenizer: "unverified")
      try Data(catalogue.utf8).write(to: URL(fileURLWithPath: world.scene.folder.file("models.yaml")))
      let arguments = ["--models", "models.yaml"]
      let exit = try await world.scene.fill(arguments + ["--budget", "0.0005"])
      #expect(exit.code == 82, "\(exit.errors)")
      #expect(exit.output.contains("\(IndexScene.names.joined(separator: ", ")): away until a run completes"))
      #expect(try await world.indexes() == [])
      try await world.expectDone(try await world.scene.fill(arguments))
    }
  }

  @Test func `what after began is finished whatever the job says then`() async throws {
    try await Self.whileBuilding(.postgres18, "after") { (world, process, hold) async throws in
      await Self.kill(process)
      hold.release()
      try world.scene.write(spec: world.scene.spec)
      let exit = try await world.scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.output.contains("indexes built        idx_chat_messages_embedding_hnsw in "))
      #expect(try await world.indexes().map { $0[1] } == ["t"])
    }
  }
}
