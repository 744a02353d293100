import Backfill
import Foundation
import TestSupport

/// An application that inserts, edits, deletes and fills rows of the first table until it is told to stop. It leaves the
/// texts of filled rows alone, as well as the rows that a test put there.
struct BusyApplication {
  private let task: Task<Int, any Error>
  // A cancelled task's statement on SQLite would fail halfway.
  private let isStopped: Locked<Bool>

  static func start(on scene: Scene, using random: SeededGenerator) -> BusyApplication {
    let isStopped = Locked(false)
    return BusyApplication(
      task: Task {
        var random = random
        var statements = 0
        while !isStopped.withLock({ $0 }) {
          try await act(on: scene, "live \(statements)", using: &random)
          statements += 1
          try await Task.sleep(for: .milliseconds(10))
        }
        return statements
      }, isStopped: isStopped)
  }

  private static func act(on scene: Scene, _ name: String, using random: inout SeededGenerator) async throws {
    let own = "WHERE embedding IS NULL AND content LIKE 'live %' AND id % 7 = \(Int.random(in: 0..<7, using: &random))"
    switch Int.random(in: 0..<5, using: &random) {
    case 0: try await scene.database.run("UPDATE chat_messages SET content = content || ' \(name)' \(own)")
    case 1: try await scene.database.run("DELETE FROM chat_messages \(own)")
    case 2: try await fill(scene, own)
    default: try await scene.database.insert([name])
    }
  }

  /// Gives the rows the vectors of their texts, as an application does that embeds what it writes.
  static func fill(_ scene: Scene, _ condition: String) async throws {
    for row in try await scene.database.rows("SELECT id, content FROM chat_messages \(condition)") {
      guard let id = row[0], let text = row[1] else { continue }
      let vector = EmbeddingsServer.vector(for: text, dimensions: 8)
      let literal = "[" + vector.map { "\($0)" }.joined(separator: ",") + "]"
      try await scene.database.run(
        """
        UPDATE chat_messages SET embedding = '\(literal)'
        WHERE id = \(id) AND content = '\(text)' AND embedding IS NULL
        """)
    }
  }

  /// Returns how many statements it has run, once it has stopped.
  func stop() async throws -> Int {
    isStopped.withLock { $0 = true }
    return try await task.value
  }
}
