import Backfill
import Foundation
import TestSupport
import Testing

/// `edits: {digest: table}` through the real process.
@Suite struct DigestTableProcessTests {
  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `edits are found and paid once, through kills, and no table of the application's is changed`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      let shape = """
        SELECT attrelid::regclass, attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped
          AND attrelid IN ('chat_messages'::regclass, 'standalone_chat_messages'::regclass) ORDER BY 1, 2
        """
      let before = try await scene.database.rows(shape)
      try await scene.database.insert((0..<100).map { "old \($0)" })
      // Filled before edits were looked for.
      #expect(try await scene.fill().code == 0)
      try scene.write(spec: scene.spec + "\nedits: {digest: table}\n")
      let refused = try await scene.fill()
      #expect(refused.code == 78 && refused.errors.contains("migrate up"), "\(refused.errors)")
      let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(up.code == 0, "\(up.errors)")
      let paid = scene.server.record.requests.count
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.requests.count == paid)

      try await scene.database.run("UPDATE chat_messages SET content = 'edited ' || content WHERE content <> 'old 7'")
      var random = SeededGenerator(seed: 3)
      #expect(try await scene.killRuns(1, after: 2...2, using: &random) == 1)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      try await scene.expectAllCurrent()
      #expect(try await scene.database.rows(shape) == before)
      let triggers = "SELECT 1 FROM pg_trigger WHERE tgname LIKE '%vecfill%'"
      #expect(try await scene.database.rows(triggers) == [])

      let down = try await scene.start(["migrate", "down", "job.yaml", "--to", "0", "--yes"]).exit()
      #expect(down.code == 0, "\(down.errors)")
      #expect(try await scene.database.rows("SELECT 1 FROM pg_class WHERE relname LIKE 'vecfill_digest%'") == [])
    }
  }
}
