import Backfill
import Foundation
import TestSupport
import Testing

/// `order: {newest: COLUMN}` through the process: the newest first by a column that isn't the key, and none left.
@Suite struct NewestByTests {
  static let engines = [ChatDatabase.Engine.postgres16, .postgres18]

  /// Sixty notes whose dates go against their keys, four at a time on one date; the first four have none.
  private static func make(_ scene: Scene) async throws {
    try await scene.database.run(
      """
      CREATE TABLE notes (id bigint PRIMARY KEY, title text, created_at timestamptz, embedding vector(8));
      INSERT INTO notes SELECT n, 'title ' || n,
        CASE WHEN n > 4 THEN timestamptz '2026-01-01' - make_interval(hours => (n - 1)::int / 4) END
      FROM generate_series(1, 60) AS n;
      """)
    try SourceTextTests.write("table: notes\n    text: title\n    order: {newest: created_at}", in: scene)
  }

  /// Row 8 is the newest with the greatest key.
  private static let order = (1...14).flatMap { hour in (1...4).reversed().map { "title \(hour * 4 + $0)" } }

  @Test(arguments: engines, [false, true])
  func `killed, it begins with what came meanwhile, and ends with the rows that have no date`(
    _ engine: ChatDatabase.Engine, hasIndex: Bool
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(engine, rules: [.requests(2..<6, .hold(gate, then: .answer))]) { scene in
      try await Self.make(scene)
      if hasIndex {
        let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
        #expect(up.code == 0, "\(up.errors)")
        #expect(
          try await scene.database.rows("SELECT 1 FROM pg_indexes WHERE indexdef LIKE '%(created_at, id)%'").count == 1)
      }
      let process = try scene.start(["run", "job.yaml", "--concurrency", "1"])
      try await scene.poll("two batches") { try await scene.database.count("embedding IS NOT NULL", in: "notes") >= 20 }
      process.send(SIGKILL)
      #expect(await process.exit().signal == SIGKILL)
      gate.open()
      #expect(SourceTextTests.sent(to: scene).prefix(20) == Self.order.prefix(20).map { TextDigest(of: $0) }[...])
      // One that is newest, one that is oldest, and one whose date has changed.
      try await scene.database.run(
        """
        INSERT INTO notes (id, title, created_at) VALUES (-1, 'new', '2026-06-01'), (99, 'old', '1999-01-01');
        UPDATE notes SET created_at = '2026-05-01' WHERE id = 60;
        """)
      let before = SourceTextTests.sent(to: scene).count
      let exit = try await scene.fill(["--concurrency", "1"])
      #expect(exit.code == 0, "\(exit.errors)")
      let sent = Array(SourceTextTests.sent(to: scene).dropFirst(before))
      #expect(sent.prefix(2) == [TextDigest(of: "new"), TextDigest(of: "title 60")])
      #expect(sent.suffix(5) == ["old", "title 4", "title 3", "title 2", "title 1"].map { TextDigest(of: $0) }[...])
      #expect(try await scene.database.count("embedding IS NULL", in: "notes") == 0)
      #expect(Set(SourceTextTests.sent(to: scene)).count == 62)
    }
  }

  @Test func `a large table without the index is refused with what makes it, and small ones never are`() async throws {
    try await Scene.run(.postgres18) { scene in
      try await Self.make(scene)
      try await scene.database.run(
        "ALTER TABLE notes SET (autovacuum_enabled = false); UPDATE pg_class SET reltuples = 1e6 WHERE relname = 'notes'"
      )
      let refused = try await scene.fill()
      #expect(refused.code == 78)
      #expect(
        refused.errors.contains(
          "CREATE INDEX CONCURRENTLY ON public.notes (created_at, id) WHERE \"embedding\" IS NULL"),
        "\(refused.errors)")
      #expect(scene.server.record.requests.isEmpty)
      let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(up.code == 0, "\(up.errors)")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
    }
  }

  @Test(arguments: [
    (ChatDatabase.Engine.postgres16, "order: {newest: nothing}", "notes.nothing: there is no such column"),
    (.postgres16, "order: {newest: id}", "it is a part of the key"),
    (.sqlite, "order: {newest: created_at}", "SQLite's rows come by their key alone"),
  ])
  func `what can't be read by is told before anything is sent`(
    _ engine: ChatDatabase.Engine, _ line: String, _ told: String
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.run(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, title text, created_at text, embedding VECTOR(8))")
      try SourceTextTests.write("table: notes\n    text: title\n    \(line)", in: scene)
      let exit = try await scene.fill()
      #expect(exit.code == 78 && exit.errors.contains(told), "\(exit.errors)")
      #expect(scene.server.record.requests.isEmpty)
    }
  }

  @Test(arguments: engines) func `rows that come all along keep it from no row, and it ends`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    try await Scene.run(engine) { scene in
      try await Self.make(scene)
      try await scene.database.run(
        "INSERT INTO notes SELECT n, 'more ' || n, now() FROM generate_series(1000, 1999) AS n")
      let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(up.code == 0, "\(up.errors)")
      let writer = Task {
        var number = 10_000
        while !Task.isCancelled {
          try await scene.database.run(
            """
            INSERT INTO notes VALUES (\(number), 'live \(number)', CASE WHEN \(number) % 3 > 0 THEN now() END);
            UPDATE notes SET created_at = now() WHERE id = \(number % 60);
            """)
          number += 1
        }
      }
      let exit = try await scene.fill()
      writer.cancel()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL AND id < 10000", in: "notes") == 0)
      #expect(try await scene.database.count("id >= 10000", in: "notes") > 0)
    }
  }
}
