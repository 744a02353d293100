import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A real process, killed with SIGKILL at a known point, and run again.
@Suite struct KillTests {
  static let texts = (0..<120).map { "message \($0)" }

  /// After the kill: what was in flight is counted, and nothing else is ever paid twice.
  static func resume(_ scene: Scene, possiblyPaid: Int, paidTwice: Int) async throws {
    let exit = try await scene.fill()
    #expect(exit.code == 0, "\(exit.errors)")
    #expect(try await scene.wrongRows() == [])
    #expect(scene.server.record.billedTwice == paidTwice)
    #expect(try await scene.status()?.totals.possiblyPaid == possiblyPaid)
    #expect(try await scene.status()?.totals.spooledBatches == 0)
  }

  static func kill(_ process: VecfillProcess) async {
    process.send(SIGKILL)
    #expect(await process.exit().signal == SIGKILL)
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `after a page, before its requests are in the ledger`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert(Self.texts)
      // The job's own condition waits for the test, so that the ledger can be held between the start and the page.
      try await scene.database.run(
        """
        CREATE FUNCTION gate() RETURNS boolean LANGUAGE sql AS 'SELECT pg_advisory_xact_lock_shared(42); SELECT true'
        """)
      try scene.write(
        spec: scene.spec.replacingOccurrences(of: "chat_messages\n", with: "chat_messages\n    where: gate()\n"))
      let table = try Hold("SELECT pg_advisory_xact_lock(42)", on: scene.database.url)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.state == .running }
      let ledger = try Hold(writesTo: scene.ledgerPath)
      table.release()
      try await scene.poll("the page") { try await scene.hasReadAPage() }
      await Self.kill(process)
      ledger.release()
      #expect(scene.server.record.requests.isEmpty)
      try await Self.resume(scene, possiblyPaid: 0, paidTwice: 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `after the requests are in the ledger, before the provider sees one`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert(Self.texts)
      let listener = try SilentListener()
      let process = try scene.start(["run", "job.yaml"], ["OPENAI_BASE_URL": "http://127.0.0.1:\(listener.port)/v1"])
      try await scene.wait { $0.totals.openRequests == 4 }
      await Self.kill(process)
      try await Self.resume(scene, possiblyPaid: 4, paidTwice: 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `with requests in flight that the provider has billed`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine, rules: [.requests(2..<6, .stall(bodyBytes: 20))]) { scene in
      try await scene.database.insert(Self.texts)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 4 && $0.billed.count == 60 }
      await Self.kill(process)
      try await Self.resume(scene, possiblyPaid: 4, paidTwice: 40)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `after replies, before they are in the spool`(engine: ChatDatabase.Engine) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(engine, rules: [.requests(0..<4, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert(Self.texts)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 4 }
      let ledger = try Hold(writesTo: scene.ledgerPath)
      gate.open()
      try await scene.server.wait { $0.billed.count == 40 && $0.inFlight == 0 }
      await Self.kill(process)
      ledger.release()
      try await Self.resume(scene, possiblyPaid: 4, paidTwice: 40)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases, [1, 2])
  func `after the spool, before the rows are written`(
    engine: ChatDatabase.Engine, writers: Int
  ) async throws {
    try await Scene.run(engine) { scene in
      try scene.write(spec: scene.spec + "\nwriters: \(writers)\n")
      try await scene.database.insert(Self.texts)
      let rows = try await Self.holdRows(of: scene, engine)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches >= 4 }
      await Self.kill(process)
      if engine != .sqlite { try await Self.endSessions(of: scene) }
      #expect(try await scene.database.count("embedding IS NOT NULL") == 0)
      rows.release()
      let spooled = try await scene.status()?.totals.spooledBatches ?? 0
      let open = try await scene.status()?.totals.openRequests ?? 0
      let billed = scene.server.record.billed.count
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.output.contains("(\(spooled * 10) from the spool)"))
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice <= billed - spooled * 10)
      #expect(scene.server.record.billedTwice <= open * 10)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases, [1, 2])
  func `after the rows are written, before the batch is settled`(
    engine: ChatDatabase.Engine, writers: Int
  ) async throws {
    try await Scene.run(engine) { scene in
      try scene.write(spec: scene.spec + "\nwriters: \(writers)\n")
      try await scene.database.insert(Array(Self.texts.prefix(20)))
      let rows = try await Self.holdRows(of: scene, engine)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches == 2 }
      let ledger = try Hold(writesTo: scene.ledgerPath)
      rows.release()
      try await scene.poll("the rows") { try await scene.database.count("embedding IS NOT NULL") >= 10 }
      await Self.kill(process)
      ledger.release()
      #expect(try await scene.status()?.totals.spooledBatches == 2)
      try await Self.resume(scene, possiblyPaid: 0, paidTwice: 0)
    }
  }

  @Test(
    arguments: Soak.isFull
      ? ChatDatabase.Engine.allCases.flatMap { [($0, 1), ($0, 2)] }
      : ChatDatabase.Engine.allCases.map { ($0, $0 == .postgres16 ? 1 : 2) })
  func `killed twenty times at any moment, it ends with every row right and no reply asked for twice`(
    engine: ChatDatabase.Engine, writers: Int
  ) async throws {
    try await Scene.run(engine) { scene in
      try scene.write(spec: scene.spec + "\nwriters: \(writers)\n")
      try await scene.database.insert((0..<1_200).map { "message \($0)" })
      var random = SeededGenerator.printed(of: "\(#function) \(engine) \(writers)")
      let kills = try await scene.killRuns(20, after: 1...6, using: &random)
      #expect(kills >= 10)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      let possiblyPaid = try await scene.status()?.totals.possiblyPaid ?? 0
      #expect(scene.server.record.billedTwice <= 10 * possiblyPaid)
      #expect(possiblyPaid <= 4 * kills)
    }
  }

  /// What the dead process had sent to the server would be done yet, once its lock is free.
  static func endSessions(of scene: Scene) async throws {
    try await scene.database.run(
      """
      SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'vecfill%'
      """)
  }

  /// Kills a run whose two replies are paid for and in the spool while it waits for the table; the table is free then.
  static func dieBeforeTheRows(_ scene: Scene, _ engine: ChatDatabase.Engine) async throws {
    let hold = try await scene.holdTable()
    let process = try scene.start(["run", "job.yaml"])
    try await scene.wait { $0.totals.spooledBatches == 2 }
    process.send(SIGKILL)
    #expect(await process.exit().signal == SIGKILL)
    // First, that what waits for the table writes nothing.
    if engine != .sqlite { try await endSessions(of: scene) }
    hold.release()
  }

  static func holdRows(of scene: Scene, _ engine: ChatDatabase.Engine) async throws -> Hold {
    engine == .sqlite
      ? try await scene.holdWrites()
      : try Hold("SELECT 1 FROM chat_messages FOR UPDATE", on: scene.database.url)
  }
}
