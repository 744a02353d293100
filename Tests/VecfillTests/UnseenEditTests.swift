import Backfill
import Foundation
import TestSupport
import Testing

/// Edits that nobody marked, through the real process.
@Suite struct UnseenEditTests {
  /// How an edit comes to be unseen.
  enum Gap: String, CaseIterable { case dropped, otherEdits }

  private static func up(_ scene: Scene) async throws {
    let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
    #expect(up.code == 0, "\(up.errors)")
  }

  @Test(arguments: ChatDatabase.Engine.allCases, Gap.allCases)
  func `a text that was edited while its trigger was away is embedded by the next run, and verify finds no fault`(
    _ engine: ChatDatabase.Engine, _ gap: Gap
  ) async throws {
    try await FollowTests.run(FollowTests.Way(engine: engine, edits: .digest, notifies: false)) { scene in
      #expect(try await scene.fill().code == 0)
      let edit = "UPDATE chat_messages SET content = 'unseen' WHERE content = 'old 7'"
      let spec = scene.spec + "\nedits: digest\n"
      switch gap {
      case .dropped:
        for table in ChatDatabase.tables {
          try await scene.database.run(
            "DROP TRIGGER zz_vecfill_\(table)_embedding_stale\(engine == .sqlite ? "" : " ON \(table)")")
        }
        try await scene.database.run(edit)
      case .otherEdits:
        try scene.write(spec: scene.spec)
        try await Self.up(scene)
        // Its vector comes without a digest, beside that of an earlier text.
        try await scene.database.run(
          "\(edit); UPDATE chat_messages SET content = 'new', embedding = NULL WHERE content = 'old 9'")
        #expect(try await scene.fill().code == 0)
      }
      try scene.write(spec: spec)
      try await Self.up(scene)
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
      try await scene.expectAllCurrent()
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases, ["clear", "digest"])
  func `after its table was renamed a job's triggers have the new name alone, and go where edits are no more watched`(
    _ engine: ChatDatabase.Engine, _ edits: String
  ) async throws {
    try await Scene.run(engine) { scene in
      func write(_ table: String, _ edits: String) throws {
        try scene.write(source: "table: \(table)\n    edits: \(edits)")
      }
      func triggers() async throws -> [String?] {
        try await scene.database.rows(
          engine == .sqlite
            ? "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'zz%'"
            : "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'zz%' UNION SELECT proname FROM pg_proc WHERE proname LIKE 'zz%'"
        ).map { $0[0] }
      }
      try await scene.database.insert(["one", "two"])
      try write("chat_messages", edits)
      try await Self.up(scene)
      #expect(try await scene.fill().code == 0)
      try await scene.database.run("ALTER TABLE chat_messages RENAME TO renamed")
      try write("renamed", edits)
      try await Self.up(scene)
      #expect(try await triggers() == ["zz_vecfill_renamed_embedding_\(edits == "digest" ? "stale" : "clear")"])
      let run = try await scene.fill()
      #expect(run.code == 0 && !run.errors.contains("no trigger"), "\(run.errors)")
      try write("renamed", "ignore")
      try await Self.up(scene)
      #expect(try await triggers() == [])
    }
  }

  /// Where the digests are of a job whose edits no trigger marks.
  static let unmarked: [(ChatDatabase.Engine, String)] = ChatDatabase.Engine.allCases.flatMap { engine in
    [(engine, "digest")] + (engine == .sqlite ? [] : [(engine, "{digest: table}")])
  }

  @Test(arguments: unmarked)
  func `without the trigger too a text that is emptied leaves no vector of what stood there`(
    _ engine: ChatDatabase.Engine, _ edits: String
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((0..<20).map { "old \($0)" })
      try scene.write(spec: scene.spec + "\nedits: \(edits)\n")
      if edits == "digest" {
        for table in ChatDatabase.tables {
          try await scene.database.run(
            "ALTER TABLE \(table) ADD COLUMN embedding_digest \(engine == .sqlite ? "BLOB" : "bytea")")
        }
      } else {
        try await Self.up(scene)
      }
      #expect(try await scene.fill().code == 0)
      try await scene.database.run(
        """
        UPDATE chat_messages SET content = '' WHERE content = 'old 3';
        UPDATE chat_messages SET content = '  ' WHERE content = 'old 4';
        UPDATE chat_messages SET content = 'new' WHERE content = 'old 5';
        """)
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.database.count("embedding IS NULL") == 2)
      #expect(try await scene.wrongRows() == [])
      let verified = try await scene.start(["verify", "job.yaml", "--offline"]).exit()
      #expect(
        verified.code == 0 && verified.output.contains("stale: no vector is older than its text"), "\(verified.output)")
    }
  }
}
