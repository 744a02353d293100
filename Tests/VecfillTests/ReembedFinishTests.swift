import Backfill
import Foundation
import TestSupport
import Testing

/// `vecfill reembed --finish`: killed while an application works, and after somebody dropped a column by hand.
@Suite(.serialized) struct ReembedFinishTests {
  /// By the table that it can't lock: nothing is dropped by then, or the first table's column and triggers are, in a
  /// transaction that is open.
  @Test(arguments: ReembedTests.engines, ChatDatabase.tables)
  func `killed while an application works, nothing is half dropped, and the same command goes on`(
    engine: ChatDatabase.Engine, held: String
  ) async throws {
    try await ReembedScene.run(engine, rows: 60) { world in
      let before = try await world.definitions()
      let application = try ReembedKillTests.application(world)
      let exit = try await world.reembed(world.beginning)
      #expect(exit.code == 0, "\(exit.errors)")
      let switched = try await world.definitions()
      #expect(switched != before)

      let hold = try Hold("LOCK TABLE \(held) IN ACCESS SHARE MODE", on: world.scene.database.url)
      let process = try world.start(["--finish", "--yes"])
      try await world.scene.poll("the drop") { process.errors.contains("waits for a lock") }
      await ReembedKillTests.kill(process)
      hold.release()
      #expect(try await world.definitions() == switched)
      #expect(try await world.records() == [["chat_messages", "keep"], ["standalone_chat_messages", "keep"]])

      let finished = try await world.reembed(["--finish", "--yes"])
      #expect(finished.code == 0, "\(finished.errors)")
      try await ReembedKillTests.readsOn(world)
      ReembedKillTests.expectUnharmed(try await application.end())
      #expect(try await world.definitions() == before)
      #expect(try await world.records() == [])
      let again = try await world.reembed(["--finish", "--yes"])
      #expect(again.code == 64 && again.errors.contains("no column of the job is being changed"), "\(again.errors)")
      try await ReembedKillTests.expectWhole(world)
    }
  }

  @Test(arguments: [true, false])
  func `a column that somebody dropped by hand leaves triggers, which are named and removed`(isSwitched: Bool)
    async throws
  {
    try await ReembedScene.run(.postgres18, rows: 12) { world in
      let before = try await world.definitions()
      let exit = try await world.reembed(world.beginning + (isSwitched ? [] : ["--no-switch"]))
      #expect(exit.code == 0, "\(exit.errors)")
      let (column, way) = isSwitched ? ("embedding_old", "--finish") : ("embedding_new", "--abandon")
      try await world.scene.database.run("ALTER TABLE chat_messages DROP COLUMN \(column) CASCADE")
      let status = try await world.reembed(["--status"])
      #expect(status.code == 0 && status.output.contains("somebody dropped \(column)"), "\(status.errors)")
      for request in [["--yes"], ["--undo"]] {
        let refused = try await world.reembed(request)
        #expect(refused.code == 78 && refused.errors.contains(way), "\(refused.errors)")
      }
      let ended = try await world.reembed([way, "--yes"])
      #expect(ended.code == 0, "\(ended.errors)")
      #expect(try await world.definitions() == before)
      #expect(try await world.records() == [])
    }
  }
}
