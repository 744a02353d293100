import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// How long a row stays in quarantine, through the real process.
@Suite struct QuarantineTests {
  /// What becomes of row 22, whose text the provider refuses.
  static let ways = [
    "UPDATE chat_messages SET content = 'a better text' WHERE id = 22",
    "UPDATE chat_messages SET content = ' ' WHERE id = 22", "DELETE FROM chat_messages WHERE id = 22",
    "UPDATE chat_messages SET embedding = (SELECT embedding FROM chat_messages WHERE id = 1) WHERE id = 22",
  ]

  @Test(arguments: ways, [ChatDatabase.Engine.sqlite, .postgres18])
  func `a row that needs no quarantine any more leaves it with the next complete run, and no other does`(
    way: String, engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine, rules: [.poison { $0.contains("poison") }]) { scene in
      try await scene.database.insert((1...24).map { $0 > 20 ? "poison \($0)" : "message \($0)" })
      #expect(try await scene.fill().code == 83)
      #expect(try await scene.status()?.quarantined == 4)
      try await scene.database.run(way)
      for _ in 0..<2 {
        #expect(try await scene.fill().code == 0)
        #expect(try await scene.status()?.quarantined == 3)
      }
      let list = try await scene.start(["quarantine", "list"]).exit().output
      #expect(!list.contains(" 22 ") && [21, 23, 24].allSatisfy { list.contains(" \($0) ") }, "\(list)")
      let status = try await scene.start(["status"]).exit().output
      #expect(status.hasPrefix("job: complete but for 3 quarantined rows; "), "\(status)")
      try await scene.database.run("DELETE FROM chat_messages WHERE content LIKE 'poison%'")
      #expect(try await scene.fill(["--fail-on", "quarantined"]).code == 0)
      #expect(try await scene.start(["status"]).exit().output.hasPrefix("job: complete\n"))
      #expect(try await scene.start(["quarantine", "list"]).exit().output == "no row is in quarantine\n")
    }
  }

  @Test func `a row that is edited leaves it with its own write, also in a run that is stopped`() async throws {
    try await Scene.run(.sqlite, rules: [.poison { $0.contains("poison") }]) { scene in
      try await scene.database.insert(["poison", "poison too"])
      #expect(try await scene.fill().code == 83)
      try await scene.database.run("UPDATE chat_messages SET content = 'a better text'")
      #expect(try await scene.fill(["--max-rows", "1", "--require-complete"]).code == 81)
      #expect(try await scene.status()?.quarantined == 1)
    }
  }

  @Test func `a run of some rows leaves alone what a job of the others has in quarantine`() async throws {
    try await Scene.run(.sqlite, rules: [.poison { $0.contains("poison") }]) { scene in
      try await scene.database.insert(["poison a", "poison b"])
      for id in [1, 2] {
        try Data(
          scene.spec.replacing(
            "- table: chat_messages\n  - table: standalone_chat_messages\n",
            with: "- {table: chat_messages, where: id = \(id)}\n"
          ).utf8
        ).write(to: URL(fileURLWithPath: scene.folder.file("job\(id).yaml")))
      }
      var requests: [Int] = []
      for _ in 0..<3 {
        for id in [1, 2] {
          let exit = try await scene.start(["run", "job\(id).yaml", "--fail-on", "never"]).exit()
          #expect(exit.code == 0, "\(exit.output)\(exit.errors)")
        }
        requests.append(scene.server.record.requests.count)
      }
      #expect(Set(requests).count == 1, "none is asked for again: \(requests)")
      let list = try await scene.start(["quarantine", "list"]).exit().output
      #expect(list.contains(" 1 ") && list.contains(" 2 "), "\(list)")
    }
  }

  @Test(arguments: [ChatDatabase.Engine.sqlite, .postgres18])
  func `with a digest of each text, too, and verify says where to look for what a run leaves`(
    engine: ChatDatabase.Engine
  ) async throws {
    let way = FollowTests.Way(engine: engine, edits: .digest, notifies: false)
    try await FollowTests.run(way) { scene in
      scene.server.add(.poison { $0.contains("poison") })
      #expect(try await scene.fill().code == 0)
      try await scene.database.run("UPDATE chat_messages SET content = 'poison ' || content WHERE id IN (3, 4)")
      try await scene.database.insert(["poison"])
      #expect(try await scene.fill().code == 83)
      #expect(try await scene.status()?.quarantined == 3)
      let verified = try await scene.start(["verify", "job.yaml", "--offline", "--json"]).exit().output
      for check in ["missing", "stale"] {
        let line = verified.split(separator: "\n").first {
          $0.contains("\"check\":\"\(check)\"") && $0.contains("\"next\":\"")
        }
        #expect(line?.contains("vecfill quarantine list") == true, "\(verified)")
      }
      try await scene.database.run("UPDATE chat_messages SET content = 'mended' WHERE id = 3")
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.status()?.quarantined == 2)
      try await scene.database.run("DELETE FROM chat_messages WHERE content LIKE 'poison%'")
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.status()?.quarantined == 0)
    }
  }
}
