import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// `spool: database`: a real process, killed with SIGKILL, and run again on another disk or on its own.
@Suite(.enabled(if: Helper.postgres.isUsable, "PostgreSQL is not installed")) struct DatabaseSpoolKillTests {
  enum Point: CaseIterable, Sendable {
    case beforeTheLedger, beforeTheRows, beforeTheSettlement, beforeTheRemoval
  }

  /// Kills a run of 40 rows, four requests, at `point`.
  static func die(_ spool: SpoolScene, at point: Point, _ gate: EmbeddingsServer.Gate) async throws {
    let scene = spool.scene
    guard point != .beforeTheLedger else {
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 4 }
      let ledger = try Hold(writesTo: scene.ledgerPath)
      gate.open()
      try await scene.poll("the replies") { try await spool.held() == 4 }
      try await spool.kill(process)
      ledger.release()
      return #expect(try await scene.status()?.totals.spooledBatches == 0)
    }
    gate.open()
    guard point != .beforeTheRows else { return try await spool.dieBeforeTheRows(replies: 4) }
    let rows = try await KillTests.holdRows(of: scene, .postgres16)
    let process = try scene.start(["run", "job.yaml"])
    try await scene.wait { $0.totals.spooledBatches == 4 }
    #expect(try await spool.held() == 4)
    let hold =
      point == .beforeTheSettlement
      ? try Hold(writesTo: scene.ledgerPath)
      : try Hold("LOCK TABLE vecfill_spool IN SHARE MODE", on: scene.database.url)
    rows.release()
    try await scene.poll("the rows") { try await scene.database.count("embedding IS NULL") == 0 }
    // A settlement ends with its removal, so only the first of them comes to that.
    if point == .beforeTheRemoval { try await scene.wait { $0.totals.spooledBatches < 4 } }
    try await spool.kill(process)
    hold.release()
    #expect(try await spool.held() == 4)
  }

  @Test(arguments: Point.allCases, [true, false])
  func `what was received is not asked for again`(point: Point, losesDisk: Bool) async throws {
    let gate = EmbeddingsServer.Gate()
    try await SpoolScene.run(
      losesDisk ? .postgres16 : .postgres18, rules: [.requests(0..<4, .hold(gate, then: .answer))]
    ) { spool in
      let scene = spool.scene
      try await scene.database.insert((0..<40).map { "message \($0)" })
      try await Self.die(spool, at: point, gate)
      if losesDisk { try spool.loseLedger() }
      let exit = try await spool.complete()
      #expect(scene.server.record.requests.count == 4, "\(exit.errors)")
      let totals = try #require(try await scene.status()?.totals)
      #expect(totals.possiblyPaid == 0 && totals.spooledBatches == 0 && totals.requests == 4)
      // What the lost disk had paid counts once, also after one more run.
      #expect(totals.billedTokens == scene.server.record.billedTokens)
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.status()?.totals.billedTokens == totals.billedTokens)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `killed twenty times, each time with its disk, it asks for nothing that it had received`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await SpoolScene.run(engine) { spool in
      let scene = spool.scene
      try await scene.database.insert((0..<900).map { "message \($0)" })
      var random = SeededGenerator.printed(of: "\(#function) \(engine)")
      var (kills, held) = (0, 0)
      var durable: [(requests: Int, texts: Set<TextDigest>)] = []
      for _ in 0..<20 {
        kills += try await scene.killRuns(1, after: 1...6, using: &random)
        try await KillTests.endSessions(of: scene)
        held += try await spool.held()
        durable.append((scene.server.record.requests.count, try await spool.durableTexts()))
        try? spool.loseLedger()
      }
      #expect(kills >= 10)
      #expect(held > 0, "no kill came between a reply and its rows")
      _ = try await spool.complete()
      for (requests, texts) in durable {
        let later = scene.server.record.requests.dropFirst(requests).flatMap(\.digests)
        #expect(later.count { texts.contains($0) } == 0)
      }
      #expect(scene.server.record.billedTwice <= 40 * kills)
    }
  }
}
