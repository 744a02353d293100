import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@testable import vecfill

/// A terminal that is closed, and messages that nobody can read any more.
@Suite struct LostTerminalTests {
  @Test(arguments: [
    "2>&-", "2>/dev/full", "2> >(exec 0<&-)", "<&- >&- 2>&-", ">/dev/full 2>/dev/full",
  ])
  func `a run whose messages can't be written is a run like any other`(_ redirection: String) async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      let exit = try await scene.start(["run", "job.yaml", "-v"], by: #"exec "$0" "$@" \#(redirection)"#).exit()
      #expect(exit.signal == nil && exit.errors == "")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.requests.count == 4)
      #expect(try await scene.status()?.state == .completed)
    }
  }

  @Test(arguments: ["nothing.yaml", "job.yaml --nope"])
  func `an error that can't be written has its exit code`(_ arguments: String) async throws {
    try await Scene.run(.sqlite) { scene in
      let words = ["run"] + arguments.split(separator: " ").map(String.init)
      let told = try await scene.start(words).exit()
      let untold = try await scene.start(words, by: #"exec "$0" "$@" 2>/dev/full"#).exit()
      #expect(told.code != 0 && told.errors != "")
      #expect(untold.code == told.code && untold.errors == "")
    }
  }

  @Test func `a hangup is a request to stop, by its own name`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<80).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 4 }
      process.send(SIGHUP)
      try await scene.poll("the stop") { process.errors.contains("SIGHUP: stopping") }
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 143)
      #expect(exit.output.contains("stopped by SIGHUP"), "\(exit.output)")
      #expect(try await scene.database.count("embedding IS NOT NULL") == 40)
    }
  }

  @Test func `nohup keeps a run from a hangup`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<80).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"], by: #"trap "" HUP; exec "$0" "$@""#)
      try await scene.server.wait { $0.inFlight == 4 }
      process.send(SIGHUP)
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `one signal that comes twice at once is one request to stop`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<80).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 4 }
      for _ in 0..<3 { process.send(SIGTERM) }
      try await scene.poll("the stop") { process.errors.contains("SIGTERM: stopping") }
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 143)
      #expect(try await scene.database.count("embedding IS NOT NULL") == 40)
      #expect(try await scene.status()?.totals.possiblyPaid == 0)
    }
  }

  @Test func `the same signal counts again after a moment, and another one at once`() {
    let now = ContinuousClock.now
    var state = StopSignals.State()
    let came: [(StopCause, Int, Bool)] = [
      (.terminate, 0, true), (.terminate, 5, false), (.terminate, 299, false), (.terminate, 300, true),
      (.interrupt, 301, true), (.interrupt, 302, false), (.terminate, 303, true),
    ]
    for (cause, milliseconds, isNew) in came {
      #expect(state.isNew(cause, at: now + .milliseconds(milliseconds)) == isNew, "\(cause) \(milliseconds)")
    }
  }
}
