import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// `vecfill status` and `vecfill cost`, through the real process.
@Suite struct StatusTests {
  private static func objects(_ exit: VecfillProcess.Exit) throws -> [[String: Any]] {
    try JSONSerialization.jsonObject(with: Data(exit.output.utf8)) as? [[String: Any]] ?? []
  }

  @Test(arguments: [["status"], ["cost"], ["quarantine"], ["quarantine", "list"]])
  func `without a ledger nothing has run yet, which is no error`(
    command: [String]
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      let told = try await scene.start(command).exit()
      #expect(told.code == 0)
      #expect(told.output == "no job has run yet; the ledger would be \(scene.ledgerPath)\n")
      let json = try await scene.start(command + ["--json"]).exit()
      #expect(json.code == 0 && json.output == "[]\n" && json.errors.isEmpty)
      #expect(!FileManager.default.fileExists(atPath: scene.ledgerPath))
    }
  }

  @Test func `another process tells how fast a run is and when it will end, by name and by spec`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(6..<1000, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<200).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.tally.written >= 60 }
      for name in ["job", "job.yaml"] {
        let job = try #require(try Self.objects(await scene.start(["status", name, "--json"]).exit()).first)
        #expect(job["state"] as? String == "running" && job["rows_total"] as? Int == 200, "\(job)")
        #expect(job["rows_done"] as? Int == 60)
        #expect(job["rows_per_second"] as? Double ?? 0 > 0 && job["eta"] is String, "\(job)")
      }
      let text = try await scene.start(["status"]).exit().output
      #expect(text.contains("60 of 200 (30.0%)") && text.contains("rows/s") && text.contains("ETA "), "\(text)")
      let unknown = try await scene.start(["status", "jbo"]).exit()
      #expect(unknown.code == 64 && unknown.errors.contains("did you mean job?"), "\(unknown.errors)")
      let watch = try scene.start(["status", "--watch", "--json"])
      try await scene.poll("two looks") { watch.output.split(separator: "\n").count >= 2 }
      #expect(watch.isRunning)
      gate.open()
      #expect(await process.exit().code == 0)
      let done = try #require(try Self.objects(await scene.start(["status", "--json"]).exit()).first)
      #expect(done["eta"] is NSNull && done["rows_per_second"] is NSNull && done["state"] as? String == "completed")
    }
  }

  @Test func `quarantined rows are never complete, and the cost names a run's job, start and model`() async throws {
    try await Scene.run(.sqlite, rules: [.poison { $0.contains("poison") }]) { scene in
      try await scene.database.insert((0..<20).map { $0 == 7 ? "poison" : "message \($0)" })
      for arguments in [["--max-quarantined", "1"], []] {
        let exit = try await scene.fill(arguments)
        #expect(exit.output.hasPrefix("job: complete but for 1 quarantined row; "), "\(exit.output)")
        let status = try await scene.start(["status"]).exit().output
        #expect(status.hasPrefix("job: complete but for 1 quarantined row; "), "\(status)")
      }
      let cost = try await scene.start(["cost"]).exit().output
      #expect(cost.contains(/1 +job +20[0-9]{2}-[-0-9T:+Z]+ +text-embedding-3-small +[0-9]+/), "\(cost)")
      #expect(!cost.contains("e-"), "\(cost)")
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases) func `a where that can't be asked names the spec's line`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      let spec = scene.spec.replacing(
        "- table: chat_messages\n", with: "- table: chat_messages\n    where: rloe = 'user'\n")
      try scene.write(spec: spec)
      let exit = try await scene.fill()
      #expect(exit.code == 78 && exit.errors.hasPrefix("vecfill: job.yaml:3:"), "\(exit.errors)")
      #expect(exit.errors.contains("rloe"))
    }
  }
}
