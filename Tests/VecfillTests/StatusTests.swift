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

  @Test func `a run that waits for the rate limit has a pace and an ETA, and a paused one a pace alone`() async throws {
    try await Scene.run(.sqlite) { scene in
      try scene.write(spec: scene.spec.replacing("requests_per_minute: 1000000", with: "requests_per_minute: 60"))
      try await scene.database.insert((0..<3_000).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.tally.written >= 10 }
      func look(_ reason: String) async throws -> [String: Any] {
        var job: [String: Any] = [:]
        try await scene.poll(reason) {
          job = try #require(try Self.objects(await scene.start(["status", "--json"]).exit()).first)
          return (job["control"] as? [String: Any])?["waiting"] as? String == reason
        }
        return job
      }
      let waiting = try await look("rate")
      #expect(waiting["state"] as? String == "waiting")
      #expect(waiting["rows_per_second"] as? Double ?? 0 > 0 && waiting["eta"] is String, "\(waiting)")
      let text = try await scene.start(["status"]).exit().output
      #expect(text.contains("rows/s") && text.contains("ETA "), "\(text)")
      #expect(try await scene.start(["pause"]).exit().code == 0)
      let paused = try await look("paused")
      #expect(paused["rows_per_second"] as? Double ?? 0 > 0 && paused["eta"] is NSNull, "\(paused)")
      process.send(SIGTERM)
      #expect(await process.exit().code == 143)
    }
  }

  @Test func `rows that earlier runs wrote count as done, until all are`() async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert((0..<25).map { "message \($0)" } + [""])
      var told: [[Int?]] = []
      for _ in 0..<4 {
        _ = try await scene.fill(["--max-rows", "10"])
        let job = try #require(try Self.objects(await scene.start(["status", "--json"]).exit()).first)
        told.append(["rows_done", "rows_total", "rows_written"].map { job[$0] as? Int })
      }
      // The blank row is done once a run has read so far; a run after the last one begins anew.
      #expect(told.map { $0[1] } == [26, 26, 26, 1])
      #expect(told.map { $0[2] } == [10, 10, 5, 0])
      #expect(told[2][0] == 26 && told[3][0] == 1)
      #expect(told[0][0] == 10 && told[1][0] == 20, "\(told)")
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
      try await scene.expectOneRowLeft()
      let cost = try await scene.start(["cost"]).exit().output
      #expect(cost.contains(/1 +job +20[0-9]{2}-[-0-9T:+Z]+ +text-embedding-3-small +[0-9]+/), "\(cost)")
      #expect(!cost.contains("e-"), "\(cost)")
    }
  }

  @Test func `a name that no table of the ledger has is told, and changes nothing`() async throws {
    try await Scene.run(.sqlite, rules: [.poison { $0.contains("poison") }]) { scene in
      try await scene.database.insert(["poison"])
      #expect(try await scene.fill().code == 83)
      for command in [["list", "--source"], ["retry", "--source"], ["drop"]] {
        let exit = try await scene.start(["quarantine"] + command + ["chat_mesages"]).exit()
        #expect(exit.code == 64 && exit.output.isEmpty, "\(exit.output)")
        #expect(exit.errors.contains("did you mean chat_messages?"), "\(exit.errors)")
      }
      let none = try await scene.start(["quarantine", "retry", "77", "--source", "chat_messages"]).exit()
      #expect(none.code == 0 && none.output == "0 rows are taken by the next run\n")
      #expect(none.errors.contains("key 77 is not in quarantine"), "\(none.errors)")
      #expect(try await scene.status()?.quarantined == 1)
    }
  }

  @Test(arguments: [["status"], ["cost"], ["quarantine"], ["ledger", "export"]])
  func `a file that is no ledger is told as such, whoever reads it`(command: [String]) async throws {
    try await Scene.run(.sqlite) { scene in
      let job = try await scene.start(command + ["--ledger", "job.yaml"]).exit()
      #expect(job.code == 74 && job.errors.contains("no SQLite database, and no ledger"), "\(job.errors)")
      let database = try await scene.start(command + ["--ledger", "chat.db"]).exit()
      #expect(database.code == 78, "\(database.output)")
      #expect(database.errors.contains("a database of something else, and no ledger"), "\(database.errors)")
    }
  }

  @Test func `a run without a reply has cost nothing`() async throws {
    try await Scene.run(.sqlite) { scene in
      #expect(try await scene.fill().code == 0)
      let status = try await scene.start(["status"]).exit().output
      #expect(status.contains("0 replies, 0 tokens, $0\n"), "\(status)")
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

extension Scene {
  /// A row is in quarantine; then it is taken out, and no run has tried it since.
  fileprivate func expectOneRowLeft() async throws {
    let before = try await start(["status"]).exit().output
    #expect(before.contains("0 of 1 (0.0%)"), "\(before)")
    let retry = try await start(["quarantine", "retry"]).exit()
    #expect(retry.output == "1 row is taken by the next run\n", "\(retry.errors)")
    let after = try await start(["status"]).exit().output
    #expect(after.hasPrefix("job: complete but for 1 row; the next run takes it\n"), "\(after)")
    #expect(after.contains("0 of 1 (0.0%)"), "\(after)")
    #expect(try await start(["report", "r.html"]).exit().code == 0)
    let page = try String(contentsOfFile: folder.file("r.html"), encoding: .utf8)
    #expect(page.contains("complete but for 1 row that the next run takes"), "\(page)")
  }
}
