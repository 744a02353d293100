import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@Suite struct LockTests {
  /// Runs `body` while another process fills the table.
  static func whileFilling(
    _ engine: ChatDatabase.Engine, _ body: (Scene, VecfillProcess) async throws -> Void
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(engine, rules: [.always(.hold(gate, then: .answer))]) { scene in
      try await scene.database.insert(["a", "b"])
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 1 }
      try await body(scene, process)
      gate.open()
      _ = await process.exit()
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a second process is refused and told who holds the lock`(engine: ChatDatabase.Engine) async throws {
    try await Self.whileFilling(engine) { (scene, process) async throws in
      let exit = try await scene.fill()
      #expect(exit.code == 80)
      #expect(exit.errors.contains("chat_messages: "))
      #expect(exit.errors.contains("process \(process.pid) on "))
      #expect(scene.server.record.requests.count == 1)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `a process of another machine, with another ledger, is refused by the database's own lock`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Self.whileFilling(engine) { (scene, process) async throws in
      let elsewhere = ["XDG_STATE_HOME": scene.folder.file("other"), "VECFILL_LEDGER": scene.folder.file("other/l.db")]
      let exit = try await scene.fill([], elsewhere)
      #expect(exit.code == 80)
      #expect(exit.errors.contains("pid \(process.pid)"))
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `for cron, a locked job is skipped with exit 0`(engine: ChatDatabase.Engine) async throws {
    try await Self.whileFilling(engine) { scene, _ in
      let exit = try await scene.fill(["--if-locked", "skip"])
      #expect(exit.code == 0)
      #expect(exit.errors.contains("skipped"))
      #expect(scene.server.record.requests.count == 1)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a dead holder's lock is free at once`(engine: ChatDatabase.Engine) async throws {
    try await Self.whileFilling(engine) { (scene, process) async throws in
      process.send(SIGKILL)
      #expect(await process.exit().signal == SIGKILL)
      scene.server.add(.always(.answer))
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `status tells who runs a job, that it died, and how it ended`() async throws {
    try await Self.whileFilling(.sqlite) { scene, process in
      func status() async throws -> String { try await scene.start(["status"]).exit().output }
      #expect(try await status().contains("running in process \(process.pid) on "))
      process.send(SIGKILL)
      _ = await process.exit()
      #expect(try await status().contains("its process died; run the same command again"))
      scene.server.add(.always(.answer))
      _ = try await scene.fill()
      #expect(try await status().hasPrefix("job: complete\n"))
      let json = try await scene.start(["status", "--json"]).exit().output
      let jobs = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]]
      #expect(jobs?.first?["state"] as? String == "completed")
      #expect(jobs?.first?["possibly_paid"] as? Int == 1)
    }
  }

  @Test func `status without a ledger makes none`() async throws {
    try await Scene.run(.sqlite) { scene in
      let exit = try await scene.start(["status"]).exit()
      #expect(exit.code == 0)
      #expect(exit.output.contains("no job has run yet"))
      #expect(!FileManager.default.fileExists(atPath: scene.ledgerPath))
    }
  }
}
