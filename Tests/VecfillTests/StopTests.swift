import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@Suite struct StopTests {
  static let signals: [(number: Int32, code: Int32)] = [(SIGTERM, 143), (SIGINT, 130)]

  @Test(arguments: signals, [ChatDatabase.Engine.postgres18, .sqlite])
  func `a signal lets the requests in flight end, writes them, and tells how to go on`(
    signal: (number: Int32, code: Int32), engine: ChatDatabase.Engine
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(engine, rules: [.requests(0..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<200).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 4 }
      process.send(signal.number)
      try await scene.poll("the stop") { process.errors.contains("stopping") }
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == signal.code)
      #expect(exit.output.contains("run the same command again to go on"))
      #expect(exit.output.contains("left to do           160"))
      #expect(try await scene.database.count("embedding IS NOT NULL") == 40)
      #expect(scene.server.record.requests.count == 4)
      #expect(try await scene.status()?.state == .stopped)

      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
      #expect(try await scene.status()?.totals.possiblyPaid == 0)
    }
  }

  @Test(arguments: [["--grace", "0"], ["--grace", "60"]])
  func `after the grace, or at a second signal, requests are cancelled and what came in is kept`(
    grace: [String]
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(.sqlite, rules: [.requests(1..<100, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<200).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"] + grace)
      try await scene.server.wait { $0.inFlight == 4 && $0.requests.count == 5 }
      process.send(SIGTERM)
      if grace.last == "60" {
        try await scene.poll("the stop") { process.errors.contains("stopping") }
        process.send(SIGTERM)
      }
      let exit = await process.exit()
      #expect(exit.code == 143)
      #expect(try await scene.database.count("embedding IS NOT NULL") == 10)
      #expect(try await scene.status()?.totals.possiblyPaid == 4)
      #expect(try await scene.status()?.totals.openRequests == 0)
      gate.open()
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
    }
  }
}
