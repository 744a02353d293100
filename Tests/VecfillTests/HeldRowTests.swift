import Foundation
import Ledger
import TestSupport
import Testing

/// Rows that another transaction holds: the others are written, and they come round again.
@Suite struct HeldRowTests {
  static let engines: [ChatDatabase.Engine] = [.postgres16, .postgres18]

  /// How others hold the row 7, or 7 and some more.
  static let holds = [
    "SELECT id FROM chat_messages WHERE id = 7 FOR UPDATE",
    "SELECT id FROM chat_messages WHERE id = 7 FOR SHARE",
    "UPDATE chat_messages SET role = 'other' WHERE id = 7",
    "DELETE FROM chat_messages WHERE id = 7",
    "SELECT id FROM chat_messages WHERE id IN (7, 8, 15, 60) FOR UPDATE",
  ]

  /// Each hold on one major, and on the other one row and some more.
  static let cases = holds.map { (ChatDatabase.Engine.postgres18, $0) } + [0, 4].map { (.postgres16, holds[$0]) }

  @Test(arguments: cases)
  func `the others are written while a row is held, and it once the lock goes`(
    engine: ChatDatabase.Engine, script: String
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...60).map { "message \($0)" })
      let hold = try Hold(script, on: scene.database.url)
      let held = script.contains("60") ? 4 : 1
      let process = try scene.start(["run", "job.yaml"])
      try await scene.poll("the free rows") {
        try await scene.database.count("embedding IS NOT NULL") == 60 - held
      }
      #expect(process.isRunning)
      let released = ContinuousClock.now
      hold.release()
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      // The waits between tries grow to 5 s; what they must not grow with is the outage that is allowed, of ten minutes.
      #expect(released.duration(to: .now) < .seconds(30))
      #expect(try await scene.wrongRows() == [])
      #expect(exit.output.contains("rows written         60\n"), "\(exit.output)")
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test(arguments: engines)
  func `a lock that stays ends the run by name, and the next writes the row without a payment`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...60).map { "message \($0)" })
      let hold = try Hold(Self.holds[0], on: scene.database.url)
      let pid = try await scene.idlePid()
      let exit = try await scene.fill(["--max-outage", "1"])
      #expect(exit.code == 69, "\(exit.errors)")
      #expect(exit.errors.contains("1 row (id 7) could not be written, held by pid"), "\(exit.errors)")
      #expect(exit.errors.contains("pid \(pid)"), "\(exit.errors)")
      #expect(exit.output.contains("rows written         59\n"))
      #expect(try await scene.database.count("embedding IS NULL") == 1)
      #expect(try await scene.status()?.totals.spooledBatches == 1)
      hold.release()
      let requests = scene.server.record.requests.count
      let next = try await scene.fill()
      #expect(next.code == 0, "\(next.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.requests.count == requests)
      #expect(try await scene.status()?.totals.spooledBatches == 0)
    }
  }

  @Test(arguments: engines)
  func `a stop while only a held row is left ends at once, with its vector kept`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...20).map { "message \($0)" })
      let hold = try Hold(Self.holds[0], on: scene.database.url)
      let process = try scene.start(["run", "job.yaml"])
      try await scene.poll("the free rows") { try await scene.database.count("embedding IS NOT NULL") == 19 }
      process.send(SIGTERM)
      let stopped = ContinuousClock.now
      #expect(await process.exit().code == 143)
      // The lock is still held: without the stop there would be no end.
      #expect(stopped.duration(to: .now) < .seconds(20))
      hold.release()
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a lock on the whole table is waited for`(engine: ChatDatabase.Engine) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...60).map { "message \($0)" })
      let hold = try await scene.holdTable()
      let process = try scene.start(["run", "job.yaml"])
      try await scene.wait { $0.totals.spooledBatches == 6 }
      #expect(try await scene.database.count("embedding IS NOT NULL") == 0)
      #expect(process.isRunning)
      hold.release()
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test(arguments: engines)
  func `a table that stays locked ends the run by name, with everything paid for kept`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((1...20).map { "message \($0)" })
      let hold = try await scene.holdTable()
      let pid = try await scene.idlePid()
      let exit = try await scene.fill(["--max-outage", "1"])
      #expect(exit.code == 69, "\(exit.errors)")
      #expect(exit.errors.contains("pid \(pid)"), "\(exit.errors)")
      hold.release()
      let requests = scene.server.record.requests.count
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.requests.count == requests)
      #expect(try await scene.wrongRows() == [])
    }
  }
}

extension Scene {
  /// The session that holds a transaction of the test's own.
  func idlePid() async throws -> String {
    let rows = try await database.rows(
      """
      SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()
      """)
    guard rows.count == 1, let pid = rows[0][0] else { throw SceneError(description: "no session holds anything") }
    return pid
  }
}
