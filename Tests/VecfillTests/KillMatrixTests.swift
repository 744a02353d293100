import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A real process, killed with SIGKILL at each named point on each engine, with two writers, while an application inserts,
/// edits, deletes and fills rows. `scripts/crash matrix` runs all of it, `scripts/test` each point on one engine.
@Suite struct KillMatrixTests {
  static let isWhole = ProcessInfo.processInfo.environment["VECFILL_KILL_MATRIX"] != nil

  static let cells: [(KillPoint, ChatDatabase.Engine)] = KillPoint.allCases.enumerated().flatMap { index, point in
    let engines = ChatDatabase.Engine.allCases.filter { $0 != .sqlite || !point.needsPostgres }
    return isWhole ? engines.map { (point, $0) } : engines.isEmpty ? [] : [(point, engines[index % engines.count])]
  }

  @Test(arguments: cells)
  func `killed at a named point, no row is missing, stale or wrong, and nothing received is paid twice`(
    point: KillPoint, engine: ChatDatabase.Engine
  ) async throws {
    let (gate, trouble) = (EmbeddingsServer.Gate(), Locked(true))
    let rules = KillAttempt.rules(point, gate, trouble)
    try await Scene.run(engine, rules: rules, indexed: point.isIndexed) { scene in
      let attempt = KillAttempt(point: point, engine: engine, scene: scene, gate: gate, trouble: trouble)
      try await attempt.prepare()
      let application = BusyApplication.start(
        on: scene, using: SeededGenerator.printed(of: "\(#function) \(point) \(engine)"))
      let (process, holds) = try await attempt.reach()
      await KillTests.kill(process)
      trouble.withLock { $0 = false }
      gate.open()
      for hold in holds { hold.release() }
      if engine != .sqlite { try await scene.poll("the sessions' end") { try await scene.sessions() == 0 } }

      let clock = ContinuousClock()
      let (start, requests) = (clock.now, scene.server.record.requests.count)
      let next = try scene.start(["run", "job.yaml"])
      try await scene.poll("work") { scene.server.record.requests.count > requests || !next.isRunning }
      let resumed = clock.now - start
      let statements = try await application.stop()
      let exit = await next.exit()
      // The poison text goes into quarantine in this run at the latest.
      let codes: Set<Int32?> = [.dividing, .condemned].contains(point) ? [ExitCode.quarantined.rawValue, 0] : [0]
      #expect(codes.contains(exit.code), "\(exit.errors)")
      let last = try await scene.fill()
      #expect(last.code == 0, "\(last.errors)")
      #expect(try await scene.wrongRows().filter { $0 != "poison" } == [])
      if point.isIndexed { #expect(try await IndexScene.validity(of: scene) == ["t", "t"]) }
      let possiblyPaid = try await scene.status()?.totals.possiblyPaid ?? 0
      #expect(scene.server.record.billedAgain <= 10 * possiblyPaid)
      print(
        "figure: \(point) \(engine): hit, 0 rows missing, stale or wrong, \(scene.server.record.billedAgain) inputs paid twice "
          + "(\(possiblyPaid) requests were in flight), \(statements) statements of the application, resumed in "
          + "\(Int(resumed / .milliseconds(1))) ms")
    }
  }
}
