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
        try await scene.insist(process, SIGTERM)
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

  /// What a run is at when a signal comes.
  enum Place: String, CaseIterable {
    case slowPage, slowCount, lockedTable, heldLedger
  }

  static let hangups: [(number: Int32, code: Int32)] = signals + [(SIGHUP, 143)]

  /// The end is at once, though nothing that the run waits for has come; of itself no wait here ends within half a minute.
  static func end(_ process: VecfillProcess, _ code: Int32) async {
    let began = ContinuousClock.now
    let exit = await process.exit()
    let took = began.duration(to: .now)
    #expect(exit.code == code, "\(exit.errors)")
    #expect(took < .seconds(10), "\(took)")
  }

  static func isActive(_ scene: Scene, _ condition: String) async throws -> Bool {
    try await scene.database.rows(
      """
      SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'vecfill%'
        AND state = 'active' AND \(condition)
      """
    ).isEmpty == false
  }

  @Test(arguments: hangups, Place.allCases)
  func `a signal ends a page, a count, a wait for a lock and the begin of the ledger at once`(
    signal: (number: Int32, code: Int32), place: Place
  ) async throws {
    try await Scene.run(.postgres18) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      var holds: [Hold] = []
      switch place {
      case .slowPage, .slowCount:
        // The count's condition waits for ever; the page's only where it is the page that is to be slow.
        let waits = place == .slowPage ? "true" : "current_query() LIKE '%count(*) FROM (%bool%'"
        try await scene.database.run(
          """
          CREATE FUNCTION slow() RETURNS boolean LANGUAGE sql VOLATILE
            AS $$ SELECT CASE WHEN \(waits) THEN pg_sleep(1) END; SELECT true $$
          """)
        try scene.write(
          spec: scene.spec.replacingOccurrences(
            of: "- table: chat_messages\n", with: "- table: chat_messages\n    where: slow()\n"))
      case .lockedTable:
        try await scene.database.run(
          "CREATE FUNCTION gate() RETURNS boolean LANGUAGE sql AS 'SELECT pg_advisory_xact_lock_shared(42); SELECT true'"
        )
        try scene.write(
          spec: scene.spec.replacingOccurrences(
            of: "- table: chat_messages\n", with: "- table: chat_messages\n    where: gate()\n"))
        holds.append(try Hold("SELECT pg_advisory_xact_lock(42)", on: scene.database.url))
      case .heldLedger:
        // The ledger is there already, so that it is its begin that waits.
        _ = try await scene.start(["run", "job.yaml"], ["OPENAI_BASE_URL": "http://127.0.0.1:1/v1"]).exit()
        holds.append(try Hold(writesTo: scene.ledgerPath))
      }
      let process = try scene.start(["run", "job.yaml", "--grace", "0"])
      switch place {
      case .slowPage:
        // The same statement checks the source before, and waits for nothing.
        try await scene.poll("the page") {
          try await Self.isActive(scene, "wait_event = 'PgSleep' AND query LIKE '%vecfill_found%'")
        }
      case .slowCount:
        try await scene.poll("the count") { try await Self.isActive(scene, "query LIKE '%count(*) FROM (%bool%'") }
      case .lockedTable:
        try await scene.poll("the wait") {
          try await Self.isActive(scene, "wait_event_type = 'Lock' AND query LIKE '%vecfill_found%'")
        }
      case .heldLedger:
        // Its locks in the database are taken just before.
        try await scene.poll("the begin") {
          try await scene.database.rows(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
          ).count == 2
        }
      }
      process.send(signal.number)
      await Self.end(process, signal.code)
      for hold in holds { hold.release() }
      try scene.write(spec: scene.spec)
      try await scene.poll("a free lock") {
        try await scene.database.rows(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'vecfill%'"
        ).isEmpty
      }
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      // Without a grace, what was in flight is cancelled; the ledger counts it.
      #expect(scene.server.record.billedTwice <= (try await scene.possiblyPaidInputs()))
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres18, .sqlite])
  func `a second signal ends a write that waits for another's lock, and its vectors are in the ledger`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((0..<40).map { "message \($0)" })
      let gate = EmbeddingsServer.Gate()
      scene.server.add(.requests(0..<4, .hold(gate, then: .answer)))
      let process = try scene.start(["run", "job.yaml", "--grace", "0"])
      try await scene.server.wait { $0.inFlight == 4 }
      let hold =
        engine == .sqlite
        ? try Hold(writesTo: scene.folder.file("chat.db"))
        : try Hold("LOCK TABLE chat_messages", on: scene.database.url)
      gate.open()
      try await scene.wait { $0.totals.spooledBatches == 4 }
      process.send(SIGTERM)
      try await scene.poll("the stop") { process.errors.contains("stopping") }
      try await scene.insist(process, SIGTERM)
      await Self.end(process, 143)
      hold.release()
      #expect(try await scene.database.count("embedding IS NOT NULL") == 0)
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedTwice == 0)
    }
  }
}
