import Foundation
import Ledger
import TestSupport
import Testing

/// A running process that is paused, resumed, stopped and set by another, through its socket.
@Suite struct ControlTests {
  static func ask(_ scene: Scene, _ arguments: String...) async throws -> VecfillProcess.Exit {
    try await scene.start(arguments).exit()
  }

  static func status(_ scene: Scene) async throws -> [String: Any] {
    let exit = try await scene.start(["status", "--json"]).exit()
    let jobs = try JSONSerialization.jsonObject(with: Data(exit.output.utf8)) as? [[String: Any]]
    return jobs?.first ?? [:]
  }

  static func sockets(_ scene: Scene) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: scene.folder.file("state/vecfill/run"))) ?? []
  }

  /// A process with four requests in flight, which `gate` holds.
  static func held(
    _ scene: Scene, rows: Int = 400, arguments: [String] = []
  ) async throws -> VecfillProcess {
    try await scene.database.insert((0..<rows).map { "message \($0)" })
    let process = try scene.start(["run", "job.yaml"] + arguments)
    try await scene.server.wait { $0.inFlight == 4 }
    return process
  }

  @Test func `a paused run asks for nothing and writes what it got, and resumed it goes on`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      let process = try await Self.held(scene, arguments: ["--deadline", "1h"])
      let socket = try #require(Self.sockets(scene).first)
      let attributes = try FileManager.default.attributesOfItem(
        atPath: scene.folder.file("state/vecfill/run/\(socket)"))
      #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
      let paused = try await Self.ask(scene, "pause")
      #expect(paused.code == 0 && paused.output == "job: paused\n", "\(paused.errors)")
      gate.open()
      try await scene.poll("the rows of the requests") { try await scene.database.count("embedding IS NOT NULL") == 40 }
      let told = try await Self.status(scene)
      #expect(told["state"] as? String == "paused", "\(told)")
      #expect(process.isRunning)
      #expect(scene.server.record.requests.count == 4)
      #expect(try await Self.ask(scene, "pause", "job").output == "job: is paused already\n")
      #expect(scene.server.record.requests.count == 4)
      #expect(try await Self.ask(scene, "resume", "\(process.pid)").output == "job: resumed\n")
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("paused, by a `vecfill` command"))
      #expect(try await scene.wrongRows() == [])
      #expect(Self.sockets(scene) == [])
    }
  }

  @Test(arguments: ["TERM", "deadline", "stop", "kill"])
  func `a paused run can be stopped, and is over at its deadline; killed, the next one goes on`(
    _ way: String
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      let deadline = way == "deadline" ? ["--deadline", "6s"] : []
      let process = try await Self.held(scene, arguments: ["--require-complete"] + deadline)
      #expect(try await Self.ask(scene, "pause").code == 0)
      gate.open()
      try await scene.poll("the rows of the requests") { try await scene.database.count("embedding IS NOT NULL") == 40 }
      switch way {
      case "TERM": process.send(SIGTERM)
      case "kill": process.send(SIGKILL)
      case "stop": #expect(try await Self.ask(scene, "stop").code == 0)
      default: break
      }
      let exit = await process.exit()
      #expect(exit.code == (way == "TERM" ? 143 : way == "kill" ? nil : 81), "\(exit.errors)")
      #expect(scene.server.record.requests.count == 4)
      #expect(Self.sockets(scene).count == (way == "kill" ? 1 : 0))
      let nobody = try await Self.ask(scene, "resume", "job")
      #expect(nobody.code == 69 && nobody.errors.contains("no run of it listens"), "\(nobody.errors)")
      // What a killed process has left is replaced, and its pause is gone with it.
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
      #expect(Self.sockets(scene) == [])
    }
  }

  @Test func `one that follows fills nothing while it is paused, and stopped while it waits it ends with 0`()
    async throws
  {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["old"])
      let process = try await FollowTests.follow(scene, "--require-complete")
      try await scene.poll("the wait for rows") { try await Self.status(scene)["state"] as? String == "following" }
      let follows = try await Self.ask(scene, "status").output
      #expect(
        follows.hasPrefix("job: complete; following, it waits for rows, process \(process.pid) on "), "\(follows)")
      #expect(try await Self.ask(scene, "pause").code == 0)
      let told = try await Self.status(scene)
      #expect(told["state"] as? String == "paused" && told["process"] is String, "\(told)")
      #expect((told["control"] as? [String: Any])?["waiting"] as? String == "paused", "\(told)")
      try await scene.database.insert(["new"])
      #expect(try await Self.ask(scene, "set", "concurrency=2").code == 0)
      // It looks for rows every second as long as it isn't paused.
      try await Task.sleep(for: .seconds(2))
      #expect(scene.server.record.requests.count == 1)
      #expect(try await Self.ask(scene, "resume").code == 0)
      try await scene.poll("the new row's vector") { try await FollowTests.missing(scene) == 0 }
      try await scene.poll("the round's end") { try await scene.status()?.state == .completed }
      let stop = try await Self.ask(scene, "stop")
      #expect(stop.code == 0, "\(stop.errors)")
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(Self.sockets(scene) == [])
    }
  }

  @Test func `limits are set while it runs, and shown; a wrong one changes none of them`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(0..<1000, .hold(gate, then: .answer))]) { scene in
      let process = try await Self.held(scene)
      let set = try await Self.ask(scene, "set", "rpm=500", "tpm=none", "concurrency=2", "--job", "job")
      #expect(set.output == "job: set rpm=500 (was 1,000,000), tpm=none (was 1,000,000,000), concurrency=2 (was 4)\n")
      for wrong in ["rpm=0", "rpm=many", "concurrency=none", "budget=-1", "rpm", "rps=5", "concurrency=1000"] {
        let exit = try await Self.ask(scene, "set", "tpm=7", wrong)
        #expect(exit.code == 64, "\(wrong): \(exit.output)\(exit.errors)")
      }
      let control = try await Self.status(scene)["control"] as? [String: Any]
      #expect(control?["requests_per_minute"] as? Int == 500, "\(control ?? [:])")
      #expect(control?["concurrency"] as? Int == 2)
      #expect(control?["tokens_per_minute"] is NSNull)
      #expect(process.errors.contains("set rpm=500 (was 1,000,000)"), "\(process.errors)")
      let budget = try await Self.ask(scene, "set", "budget=5")
      #expect(budget.output == "job: set budget=$5.00 (was none)\n", "\(budget.errors)")
      #expect(try await Self.ask(scene, "set", "rpm=none", "concurrency=8").code == 0)
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test(arguments: [
    (["pause", "jbo"], 64, "did you mean job?"), (["resume", "jobs"], 64, "did you mean job?"),
    // It may have a ledger of its own.
    (["stop", "messages"], 69, "no run of it listens in"), (["status", "nojob"], 64, "no run of a job by that name"),
    (["report", "r.html", "nojob"], 64, "has no run of it"), (["pause", "job"], 69, "no run of it listens in"),
    (["pause"], 69, "no run of this user listens"), (["set", "rpm"], 64, "takes rpm=, tpm=, concurrency= or budget="),
    (["set", "foo=3"], 64, "takes rpm=, tpm=, concurrency= or budget="), (["set", "rpm=0"], 64, "rpm must be"),
    (["set", "rpm=5"], 69, "no run of this user listens"),
  ])
  func `what is wrong for any run is a wrong argument also while none is at work`(
    _ arguments: [String], _ code: Int32, _ told: String
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      try await scene.database.insert(["one"])
      #expect(try await scene.fill().code == 0)
      let exit = try await scene.start(arguments).exit()
      #expect(exit.code == code && exit.errors.contains(told), "\(exit.errors)")
    }
  }

  @Test func `the shards of a job are told apart, and one is paused by its process's number`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.postgres18, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      #expect(try await scene.start(["plan", "job.yaml", "--shards", "2"]).exit().code == 0)
      let shards = try (0..<2).map { shard in
        try scene.start(
          ["run", "job.yaml", "--shard", "\(shard)", "--ledger", scene.folder.file("shard\(shard).db")])
      }
      try await scene.server.wait { $0.inFlight > 1 }
      try await scene.poll("both sockets") { Self.sockets(scene).count == 2 }
      let several = try await Self.ask(scene, "pause", "job")
      #expect(several.code == 64)
      for (number, shard) in shards.enumerated() {
        #expect(several.errors.contains("job shard \(number) (\(shard.pid))"), "\(several.errors)")
      }
      #expect(try await Self.ask(scene, "pause", "\(shards[1].pid)").output == "job: paused\n")
      #expect(try await Self.ask(scene, "resume", "\(shards[1].pid)").output == "job: resumed\n")
      gate.open()
      for shard in shards { #expect(await shard.exit().code == 0) }
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `several runs are told apart by their names, and where the path is too long a run goes on without`()
    async throws
  {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      try scene.write(spec: scene.spec.replacing("  - table: chat_messages\n", with: ""))
      try await scene.database.run(
        "INSERT INTO standalone_chat_messages (chat_id, role, content) VALUES (1, 'user', 'one')")
      let first = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 1 }
      let other = scene.spec.replacing("  - table: standalone_chat_messages\n", with: "")
      try Data("name: other\n\(other)".utf8).write(to: URL(fileURLWithPath: scene.folder.file("other.yaml")))
      let second = try scene.start(["run", "other.yaml", "--ledger", scene.folder.file("other.db")])
      try await scene.server.wait { $0.inFlight > 1 }
      let several = try await Self.ask(scene, "pause")
      #expect(several.code == 64 && several.errors.contains("job (\(first.pid))"), "\(several.errors)")
      #expect(several.errors.contains("other (\(second.pid))"))
      #expect(try await Self.ask(scene, "pause", "other").output == "other: paused\n")
      #expect(try await Self.ask(scene, "resume", "other").output == "other: resumed\n")
      gate.open()
      #expect(await first.exit().code == 0)
      #expect(await second.exit().code == 0)
      let long = scene.folder.file(String(repeating: "x", count: 120))
      let exit = try await scene.fill([], ["XDG_STATE_HOME": long])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.errors.contains("its path has more than 107 bytes"), "\(exit.errors)")
    }
  }
}
