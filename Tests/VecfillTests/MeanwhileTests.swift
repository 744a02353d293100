import Foundation
import TestSupport
import Testing

/// What the application does to rows whose texts are being embedded.
@Suite struct MeanwhileTests {
  enum Change: String, CaseIterable {
    case edited = "UPDATE chat_messages SET content = 'another text' WHERE id = 3"
    case emptied = "UPDATE chat_messages SET content = '' WHERE id = 3"
    case deleted = "DELETE FROM chat_messages WHERE id = 3"
    case filled = "UPDATE chat_messages SET embedding = '[1,2,3,4,5,6,7,8]' WHERE id = 3"
    case insertedBehind =
      "INSERT INTO chat_messages (id, insight_id, user_id, role, content) VALUES (-5, 1, 1, 'user', 'late')"
    case insertedAhead =
      "INSERT INTO chat_messages (id, insight_id, user_id, role, content) VALUES (900, 1, 1, 'user', 'new')"
  }

  static let cases =
    [ChatDatabase.Engine.postgres18, .sqlite].flatMap { engine in Change.allCases.map { (engine, $0) } }
    + [Change.edited, .deleted].map { (.postgres16, $0) }

  @Test(arguments: cases)
  func `a row changed during its request never gets a stale vector, and comes round again`(
    engine: ChatDatabase.Engine, change: Change
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(engine, rules: [.requests(0..<4, .hold(gate, then: .answer))]) { scene in
      try await scene.database.insert((0..<30).map { "message \($0)" })
      let process = try scene.start(["run", "job.yaml"])
      try await scene.server.wait { $0.inFlight == 3 }
      try await scene.database.run(change.rawValue)
      gate.open()
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      let isChanged = [.edited, .emptied, .deleted, .filled].contains(change)
      #expect(exit.output.contains("changed meanwhile    1\n") == isChanged, "\(exit.output)")
      if change == .filled {
        #expect(try await scene.wrongRows() == ["message 2"], "the application's own vector stays")
      } else {
        #expect(try await scene.wrongRows() == [])
      }
    }
  }
}
