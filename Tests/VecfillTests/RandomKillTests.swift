import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// The real binary, killed at random instants of its life, while an application inserts, edits and deletes rows.
@Suite struct RandomKillTests {
  /// `VECFILL_KILLS=2000` kills so many runs, a third of them on each engine; `VECFILL_SEED=17` draws them again.
  static let kills = max(1, (ProcessInfo.processInfo.environment["VECFILL_KILLS"].flatMap(Int.init) ?? 24) / 3)
  static let seed =
    ProcessInfo.processInfo.environment["VECFILL_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0..<1 << 32)

  /// Where a run stood when it was killed, as its ledger says.
  struct Found {
    var beforeSending = 0
    var inFlight = 0
    var spooled = 0
    var idle = 0
  }

  static let rowsARound = 200

  /// What the application does next. It leaves the text of a filled row alone.
  static func disturb(_ scene: Scene, _ name: String, using random: inout SeededGenerator) async throws {
    let rows = "WHERE embedding IS NULL AND id % 40 = \(Int.random(in: 0..<40, using: &random))"
    switch Int.random(in: 0..<4, using: &random) {
    case 0: try await scene.database.run("UPDATE chat_messages SET content = content || ' edited \(name)' \(rows)")
    case 1: try await scene.database.run("DELETE FROM chat_messages \(rows)")
    default: try await scene.database.insert(["live \(name)"])
    }
  }

  /// Kills one run after so long; returns whether it had not ended by itself.
  static func kill(_ scene: Scene, after delay: Duration, _ found: inout Found) async throws -> Bool {
    let before = scene.server.record.requests.count
    let process = try scene.start(["run", "job.yaml", "--writers", "2"])
    try await Task.sleep(for: delay)
    process.send(SIGKILL)
    let exit = await process.exit()
    guard exit.signal == SIGKILL else {
      #expect(exit.code == 0, "\(exit.errors)")
      return false
    }
    let totals = try await scene.status()?.totals
    if totals?.spooledBatches ?? 0 > 0 {
      found.spooled += 1
    } else if totals?.openRequests ?? 0 > 0 {
      found.inFlight += 1
    } else if scene.server.record.requests.count == before {
      found.beforeSending += 1
    } else {
      found.idle += 1
    }
    return true
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `no row is lost, stale or wrong, and nothing that was received is paid twice`(
    engine: ChatDatabase.Engine
  ) async throws {
    var options = EmbeddingsServer.Options()
    options.latency = .between(0.01...0.05)
    try await Scene.run(engine, options) { scene in
      var random = SeededGenerator(seed: Self.seed ^ UInt64(engine.hashOfName))
      var found = Found()
      var (kills, ends, statements) = (0, 0, 0)
      // How long a whole run takes here and now.
      try await scene.database.insert((0..<Self.rowsARound).map { "first \($0)" })
      let whole = try await ContinuousClock().measure { _ = try await scene.fill() }
      while kills < Self.kills {
        if try await scene.database.count("embedding IS NULL") == 0 {
          try await scene.database.insert((0..<Self.rowsARound).map { "message \(kills) \(ends) \($0)" })
        }
        let delay = whole * Double.random(in: 0...1, using: &random)
        var live = random
        let round = "\(kills) \(ends)"
        async let application: Int = {
          let count = Int.random(in: 1...6, using: &live)
          for number in 0..<count {
            try await Self.disturb(scene, "\(round) \(number)", using: &live)
          }
          return count
        }()
        if try await Self.kill(scene, after: delay, &found) { kills += 1 } else { ends += 1 }
        statements += try await application
        _ = random.next()
      }
      let exit = try await scene.fill()
      #expect(exit.code == 0, "seed \(Self.seed): \(exit.errors)")
      #expect(try await scene.wrongRows() == [], "seed \(Self.seed)")
      #expect(try await scene.database.count("embedding IS NULL") == 0, "seed \(Self.seed)")
      let possiblyPaid = try await scene.status()?.totals.possiblyPaid ?? 0
      #expect(scene.server.record.billedAgain <= 10 * possiblyPaid, "seed \(Self.seed)")
      print(
        "figure: \(engine), seed \(Self.seed): \(kills) kills (\(found.beforeSending) before a request, "
          + "\(found.inFlight) with requests in flight, \(found.spooled) with vectors in the spool, \(found.idle) between), "
          + "\(ends) runs ended first, \(statements) statements of the application; 0 rows missing, stale or wrong; "
          + "\(scene.server.record.billed.count) texts, \(scene.server.record.billedAgain) billed again, "
          + "\(possiblyPaid) requests of up to 10 texts possibly paid")
    }
  }
}

extension ChatDatabase.Engine {
  fileprivate var hashOfName: Int { "\(self)".utf8.reduce(0) { $0 &* 31 &+ Int($1) } }
}
