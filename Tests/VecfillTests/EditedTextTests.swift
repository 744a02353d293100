import Backfill
import Foundation
import TestSupport
import Testing

/// Texts that are edited after their rows were filled, through the real process.
@Suite struct EditedTextTests {
  static let ways = ChatDatabase.Engine.allCases.flatMap { engine in
    [Edits.clear, .digest].map { FollowTests.Way(engine: engine, edits: $0, notifies: false) }
  }

  @Test(arguments: ways)
  func `an edited row gets a vector of its new text, and nothing else is paid`(_ way: FollowTests.Way) async throws {
    try await FollowTests.run(way) { scene in
      #expect(try await scene.fill().code == 0)
      let paid = scene.server.record.requests.reduce(0) { $0 + $1.digests.count }
      try await scene.database.run(
        """
        UPDATE chat_messages SET content = 'edited ' || content WHERE content LIKE 'old 1%';
        UPDATE chat_messages SET was_truncated = true WHERE content LIKE 'old 2%';
        """)
      let edited = try await scene.database.count("content LIKE 'edited %'")
      #expect(edited == 11)
      // The old vector serves until the new one is there.
      #expect(try await FollowTests.missing(scene) == (way.edits == .digest ? 0 : edited))
      let estimate = try await scene.start(["estimate", "job.yaml", "--json"]).exit()
      #expect(estimate.code == 0 && estimate.output.contains("\"rows\":11"), "\(estimate.output) \(estimate.errors)")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.requests.reduce(0) { $0 + $1.digests.count } == paid + edited)
      #expect(exit.output.contains("rows written         11"), "\(exit.output)")
      // A further run has nothing to do.
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.requests.reduce(0) { $0 + $1.digests.count } == paid + edited)
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18, .sqlite])
  func `a column that was filled before is taken over without a payment, and edits are seen from then on`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.insert((0..<20).map { "old \($0)" })
      #expect(try await scene.fill().code == 0)
      let paid = scene.server.record.requests.count
      try scene.write(spec: scene.spec + "\nedits: digest\n")
      // Without the column it says what makes it.
      let refused = try await scene.fill()
      #expect(refused.code == 78)
      #expect(refused.errors.contains("migrate up"))
      #expect(try await scene.start(["migrate", "up", "job.yaml"]).exit().code == 0)
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.requests.count == paid)
      try await scene.database.run("UPDATE chat_messages SET content = 'edited' WHERE content = 'old 7'")
      #expect(try await scene.fill().code == 0)
      #expect(scene.server.record.requests.count == paid + 1)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test(arguments: ways)
  func `a text that is emptied leaves no vector of what stood there`(_ way: FollowTests.Way) async throws {
    try await FollowTests.run(way) { scene in
      #expect(try await scene.fill().code == 0)
      try await scene.database.run("UPDATE chat_messages SET content = ' ' WHERE content = 'old 7'")
      #expect(try await FollowTests.missing(scene) == 1)
      #expect(try await scene.fill().code == 0)
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `without the trigger the edited rows are found by their texts`(_ engine: ChatDatabase.Engine) async throws {
    try await FollowTests.run(FollowTests.Way(engine: engine, edits: .digest, notifies: false)) { scene in
      for table in ChatDatabase.tables {
        try await scene.database.run("DROP TRIGGER zz_vecfill_\(table)_embedding_stale ON \(table)")
      }
      #expect(try await scene.fill().code == 0)
      try await scene.database.run(
        "UPDATE chat_messages SET content = 'edited ' || content WHERE content LIKE 'old 1%'")
      let exit = try await scene.fill()
      #expect(exit.code == 0)
      #expect(exit.errors.contains("reads what was written since the last one"))
      #expect(try await scene.wrongRows() == [])
    }
  }

  /// A writer that edits and inserts all the time, while runs are killed at random.
  @Test(arguments: ways)
  func `a live writer and kills leave no vector of an earlier text once a run is complete`(_ way: FollowTests.Way)
    async throws
  {
    try await FollowTests.run(way, rows: 60) { scene in
      let isOver = Locked(false)
      let writer = Task {
        var round = 0
        while !isOver.withLock(\.self) {
          round += 1
          do {
            try await scene.database.run(
              """
              UPDATE chat_messages SET content = 'edited \(round) ' || id WHERE id % 10 = \(round % 10);
              INSERT INTO standalone_chat_messages (chat_id, role, content) VALUES (1, 'user', 'new \(round)');
              """)
          } catch  where "\(error)".contains("deadlock detected") {
            // PostgreSQL ends one of two that wait for one another's rows: an application tries again.
          }
          try await Task.sleep(for: .milliseconds(30))
        }
        return round
      }
      var random = SeededGenerator(seed: 12)
      var kills = 0
      for _ in 0..<8 {
        let process = try scene.start(["run", "job.yaml"])
        try await Task.sleep(for: .milliseconds(Int.random(in: 50...900, using: &random)))
        if process.isRunning { kills += 1 }
        process.send(SIGKILL)
        _ = await process.exit()
      }
      isOver.withLock { $0 = true }
      #expect(try await writer.value > 20)
      #expect(kills > 0)
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(try await scene.fill().code == 0)
    }
  }

  /// Who has no trigger: nobody ever made it, or it is off.
  static let untriggered: [(ChatDatabase.Engine, String, String)] = ChatDatabase.Engine.allCases.flatMap { engine in
    let edits = ["edits: clear", "edits: digest"] + (engine == .sqlite ? [] : ["follow: notify"])
    return edits.flatMap { [(engine, "never", $0), (engine, "off", $0)] }
  }

  @Test(arguments: untriggered)
  func `a trigger that is missing or off is told by a run and by a check, until it is made`(
    _ engine: ChatDatabase.Engine, _ state: String, _ edits: String
  ) async throws {
    try await Scene.run(engine) { scene in
      try scene.write(spec: scene.spec + "\n" + edits)
      try await scene.database.insert(["one"])
      if edits == "edits: digest", state == "never" {
        try await scene.database.run(
          ["chat_messages", "standalone_chat_messages"].map {
            "ALTER TABLE \($0) ADD COLUMN embedding_digest \(engine == .sqlite ? "BLOB" : "bytea")"
          }.joined(separator: "; "))
      }
      let up = { try await scene.start(["migrate", "up", "job.yaml"]).exit() }
      if state == "off" {
        #expect(try await up().code == 0)
        for row in try await scene.database.rows(
          engine == .sqlite
            ? "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
            : "SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal")
        {
          let (name, table) = (row[0] ?? "", row[1] ?? "")
          try await scene.database.run(
            engine == .sqlite ? "DROP TRIGGER \(name)" : "ALTER TABLE \(table) DISABLE TRIGGER USER")
        }
      }
      let run = try await scene.fill()
      #expect(run.code == 0, "\(run.errors)")
      #expect(run.errors.contains("no trigger") && run.errors.contains("`vecfill migrate up JOB`"), "\(run.errors)")
      let (told, _) = try await scene.check(["--offline"])
      #expect(told.mark("edits") == "warning", "\(told.checks)")
      let migration = try #require(told.lines("migration").first)
      #expect(migration.mark == "warning" && migration.found.contains("trigger zz_vecfill_"), "\(migration)")
      #expect(try await up().code == 0)
      let after = try await scene.fill()
      #expect(after.code == 0 && !after.errors.contains("no trigger"), "\(after.errors)")
      let mended = try await scene.check(["--offline"]).told
      #expect(mended.mark("edits") == nil && mended.mark("migration") == "ok", "\(mended.checks)")
    }
  }
}
