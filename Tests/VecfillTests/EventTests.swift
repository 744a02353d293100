import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@testable import vecfill

/// Every line that a run tells in JSON fits the documented schema.
@Suite struct EventTests {
  private static func check(_ exit: VecfillProcess.Exit, has events: [String]) throws {
    let verdict = try EventSchema.check(exit.errors + exit.output)
    #expect(verdict.problems == "")
    for event in events { #expect(verdict.events[event] ?? 0 > 0, "no \(event) among \(verdict.events)") }
  }

  private static let json = ["--log-format", "json"]

  @Test func `complete, quarantined and resumed runs tell only documented events`() async throws {
    let rules: [EmbeddingsServer.Rule] = [
      .poison { $0.contains("poison") }, .requests(1...2, .respond(.error(500, type: "server_error", message: "busy"))),
    ]
    try await Scene.run(.sqlite, rules: rules) { scene in
      try await scene.database.insert((0..<60).map { $0 == 17 ? "poison" : "message \($0)" })
      let exit = try await scene.fill(Self.json + ["--verbose"])
      #expect(exit.code == 83)
      try Self.check(exit, has: ["run_started", "request", "request_failed", "row_quarantined", "run_finished"])
      let again = try await scene.fill(Self.json + ["--max-quarantined", "1"])
      #expect(again.code == 0 && again.output.contains(#""outcome":"quarantined""#), "\(again.output)")
      try Self.check(again, has: ["run_started", "run_finished"])
      try await scene.database.run("DELETE FROM chat_messages WHERE content = 'poison'")
      let last = try await scene.fill(Self.json + ["-q"])
      #expect(last.code == 0 && last.errors.isEmpty, "\(last.errors)")
      try Self.check(last, has: ["run_finished"])
    }
  }

  @Test func `stopped, killed and failed runs tell only documented events, and a failure once`() async throws {
    let (gate, other) = (EmbeddingsServer.Gate(), EmbeddingsServer.Gate())
    let rules: [EmbeddingsServer.Rule] = [
      .requests(3...6, .hold(gate, then: .answer)), .requests(8...11, .hold(other, then: .answer)),
      .requests(20..<1000, .respond(.error(401, type: "invalid", message: "no"))),
    ]
    try await Scene.run(.sqlite, rules: rules) { scene in
      try await scene.database.insert((0..<300).map { "message \($0)" })
      let killed = try scene.start(["run", "job.yaml"] + Self.json)
      try await scene.server.wait { $0.requests.count >= 6 }
      killed.send(SIGKILL)
      try Self.check(await killed.exit(), has: ["run_started"])
      gate.open()
      let stopped = try scene.start(["run", "job.yaml"] + Self.json)
      try await scene.server.wait { $0.requests.count >= 12 }
      stopped.send(SIGTERM)
      try await scene.poll("the stop") { stopped.errors.contains("stopping") }
      other.open()
      let stop = await stopped.exit()
      #expect(stop.code == 143)
      try Self.check(stop, has: ["run_started", "possibly_paid", "stopping", "run_finished"])
      #expect(stop.errors.contains(#""resumed":true"#), "\(stop.errors)")
      let failed = try await scene.fill(Self.json)
      #expect(failed.code == 77, "\(failed.errors)")
      try Self.check(failed, has: ["run_started", "run_finished", "error"])
      let error = try #require(failed.errors.split(separator: "\n").last)
      #expect(error.contains(#""event":"error""#) && error.contains(#""exit_code":77"#))
    }
  }

  @Test(
    arguments: [
      (["status", "--json", "--ledger", "/usr"], 74), (["cost", "--json", "--by", "week"], 64),
      (["run", "no.yaml", "--log-format", "json"], 78), (["run", "--log-format=json"], 64),
      (["check", "no.yaml", "--json"], 78), (["rnu", "--log-format", "json"], 64),
      (["estimate", "no.yaml", "--json"], 78),
    ] as [([String], Int32)])
  func `a command that is asked for JSON fails with one JSON object`(arguments: [String], code: Int32) async throws {
    let exit = try await VecfillProcess.run(arguments)
    #expect(exit.code == code, "\(exit.errors)")
    #expect(exit.output.isEmpty && exit.errors.split(separator: "\n").count == 1, "\(exit.errors)")
    try Self.check(exit, has: ["error"])
  }

  @Test func `each round of a run that follows is an event`() async throws {
    try await FollowTests.run(FollowTests.Way(engine: .postgres18, edits: .ignore, notifies: true)) { scene in
      let process = try await FollowTests.follow(scene, "--log-format", "json")
      try await scene.database.insert(["new"])
      try await scene.poll("its vector") { try await FollowTests.missing(scene) == 0 }
      try await scene.poll("the round's end") { try await scene.status()?.state == .completed }
      process.send(SIGTERM)
      let exit = await process.exit()
      try Self.check(exit, has: ["run_started", "run_finished"])
      #expect(try EventSchema.check(exit.output).events == ["run_finished": 2])
    }
  }
}
