import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// What a run without the trigger keeps of its search for edited rows, through the real process.
@Suite struct EditSearchProcessTests {
  /// What the ledger has of the first source.
  private static func searched(_ scene: Scene) async throws -> SearchedEdits? {
    try await Ledger.openForReading(at: scene.ledgerPath)?.searchedEdits(of: 1)
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `neither a killed run nor one with an edited row in quarantine keeps its search, and no edit is lost`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine, rules: [.poison(where: { $0.contains("poison") })]) { scene in
      try await scene.database.insert((0..<200).map { "old \($0)" })
      for table in ChatDatabase.tables {
        try await scene.database.run("ALTER TABLE \(table) ADD COLUMN embedding_digest bytea")
      }
      try scene.write(spec: scene.spec + "\nedits: digest\n")
      #expect(try await scene.fill().code == 0)
      let first = try #require(try await Self.searched(scene))

      try await scene.database.run("UPDATE chat_messages SET content = 'edited ' || content")
      var random = SeededGenerator(seed: 1)
      #expect(try await scene.killRuns(1, after: 2...2, using: &random) == 1)
      #expect(try await Self.searched(scene) == first)
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      let second = try #require(try await Self.searched(scene))
      #expect(second != first)

      try await scene.database.run("UPDATE chat_messages SET content = 'poison' WHERE id = 7")
      for _ in 0..<2 {
        #expect(try await scene.fill(["--fail-on", "quarantined"]).code == 83)
        #expect(try await Self.searched(scene) == second)
      }
      try await scene.database.run("UPDATE chat_messages SET content = 'good' WHERE id = 7")
      #expect(try await scene.fill().code == 0)
      #expect(try await Self.searched(scene) != second)
      #expect(try await scene.wrongRows() == [])
    }
  }
}
