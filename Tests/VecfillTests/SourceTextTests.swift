import Backfill
import Foundation
import TestSupport
import Testing

/// Texts of several columns, of SQL and of views, through the process: migrate, check, estimate, run, search.
@Suite struct SourceTextTests {
  struct Form: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// The source's lines in the job.
    let source: String
    var sqliteSource: String?
    /// What is embedded of row 7, and its new text after `edit`.
    let text: String
    let edit: String
    let edited: String
  }

  static let forms = [
    Form(
      testDescription: "columns", source: "table: notes\n    text: [title, body]", text: "title 7\n\nbody 7",
      edit: "UPDATE notes SET body = 'new' WHERE id = 7", edited: "title 7\n\nnew"),
    Form(
      testDescription: "braces", source: "table: notes\n    text: [\"{odd}\", \"x{odd\"]", text: "odd 7\n\nx 7",
      edit: "UPDATE notes SET \"x{odd\" = 'new' WHERE id = 7", edited: "odd 7\n\nnew"),
    Form(
      testDescription: "template", source: "table: notes\n    text: \"{title} ({{no}} {id})\\nBody: {body}\"",
      text: "title 7 ({no} 7)\nBody: body 7", edit: "UPDATE notes SET title = NULL WHERE id = 7",
      edited: "7)\nBody: body 7"),
    Form(
      testDescription: "sql", source: "table: notes\n    text:\n      sql: payload->>'text'",
      sqliteSource: "table: notes\n    text: {sql: \"json_extract(payload, '$.text')\"}", text: "json 7",
      edit: "UPDATE notes SET payload = '{\"text\": \"new\"}' WHERE id = 7", edited: "new"),
    Form(
      testDescription: "view", source: "table: shown\n    write_to: notes\n    text: whole\n    order: newest",
      text: "title 7 words 7", edit: "UPDATE parts SET words = 'new' WHERE note = 7", edited: "title 7 new"),
  ]

  static let engines = [ChatDatabase.Engine.postgres16, .postgres18, .sqlite]

  static func make(_ scene: Scene, _ engine: ChatDatabase.Engine) async throws {
    let isSQLite = engine == .sqlite
    let numbers =
      isSQLite
      ? "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 60) SELECT n FROM s)"
      : "(SELECT n FROM generate_series(1, 60) AS n)"
    try await scene.database.run(
      """
      CREATE TABLE notes (id \(isSQLite ? "INTEGER" : "bigint") PRIMARY KEY, title text, body text,
        "{odd}" text, "x{odd" text, payload \(isSQLite ? "text" : "jsonb"), embedding \(isSQLite ? "VECTOR(8)" : "vector(8)"));
      CREATE TABLE parts (note bigint, words text);
      INSERT INTO notes (id, title, body, "{odd}", "x{odd", payload)
        SELECT n, 'title ' || n, 'body ' || n, 'odd ' || n, 'x ' || n, CAST('{"text": "json ' || n || '"}' AS \(isSQLite ? "text" : "jsonb"))
        FROM \(numbers) AS s;
      INSERT INTO parts SELECT n, 'words ' || n FROM \(numbers) AS s;
      CREATE VIEW shown AS SELECT id, embedding, body,
        title || ' ' || (SELECT words FROM parts WHERE parts.note = notes.id) AS whole FROM notes;
      """)
  }

  /// Writes the job; its texts are sent as they are.
  static func write(_ source: String, in scene: Scene, _ more: String = "") throws {
    let tables = "  - table: chat_messages\n  - table: standalone_chat_messages\n"
    try scene.write(
      spec: scene.spec.replacing(tables, with: "  - \(source)\n").replacing("newlines: space", with: "newlines: keep")
        + "\n\(more)")
  }

  /// The texts that were sent, in order, without the harmless one.
  static func sent(to scene: Scene) -> [TextDigest] {
    scene.server.record.requests.flatMap(\.digests).filter { $0 != TextDigest(of: "vecfill") }
  }

  @Test(arguments: engines, forms)
  func `each form is migrated, checked, estimated, filled and found`(
    _ engine: ChatDatabase.Engine, _ form: Form
  ) async throws {
    try await Scene.run(engine) { scene in
      try await Self.make(scene, engine)
      try Self.write(engine == .sqlite ? form.sqliteSource ?? form.source : form.source, in: scene)
      for command in ["plan", "up", "up", "verify"] {
        let exit = try await scene.start(["migrate", command, "job.yaml"]).exit()
        #expect(exit.code == 0, "\(command): \(exit.errors)")
      }
      let (told, _) = try await scene.check(["--offline"])
      #expect(told.lines("text").map(\.mark) == ["ok"], "\(told.checks)")
      #expect(told.mark("missing rows") == "ok")
      let estimate = try await scene.start(["estimate", "job.yaml", "--json"]).exit()
      #expect(estimate.code == 0, "\(estimate.errors)")
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL", in: "notes") == 0)
      #expect(Self.sent(to: scene).count == 60)
      #expect(Self.sent(to: scene).contains(TextDigest(of: form.text)))
      let search = try await scene.start(["search", form.text, "job.yaml", "--limit", "1"]).exit()
      let before = Self.sent(to: scene).count
      #expect(search.output.contains("\n0.0000    notes 7"), "\(search.output)\(search.errors)")

      try await scene.database.run("\(form.edit); UPDATE notes SET embedding = NULL WHERE id = 7")
      let again = try await scene.fill()
      #expect(again.code == 0, "\(again.errors)")
      #expect(Self.sent(to: scene).dropFirst(before) == [TextDigest(of: form.edited)])
      // Another text in the same column is another content (P4).
      try Self.write("table: notes\n    text: title", in: scene)
      try await scene.database.run("UPDATE notes SET embedding = NULL WHERE id = 7")
      let other = try await scene.fill()
      #expect(other.code == 78)
      #expect(other.errors.contains("holds vectors of"), "\(other.errors)")
      #expect(Self.sent(to: scene).count == before + 1)
    }
  }

  @Test(arguments: engines)
  func `a run from the newest on goes on after a kill, and takes what came first`(
    _ engine: ChatDatabase.Engine
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(engine, rules: [.requests(2..<6, .hold(gate, then: .answer))]) { scene in
      try await Self.make(scene, engine)
      try Self.write("table: notes\n    text: title\n    order: newest\n    since: {id: 21}", in: scene)
      let process = try scene.start(["run", "job.yaml", "--concurrency", "1"])
      try await scene.poll("two batches") { try await scene.database.count("embedding IS NOT NULL", in: "notes") >= 20 }
      #expect(try await scene.database.count("embedding IS NOT NULL AND id > 40", in: "notes") == 20)
      process.send(SIGKILL)
      _ = await process.exit()
      gate.open()
      try await scene.database.run("INSERT INTO notes (id, title) VALUES (61, 'title 61')")
      let before = Self.sent(to: scene).count
      let exit = try await scene.fill(["--concurrency", "1"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(Self.sent(to: scene).dropFirst(before).first == TextDigest(of: "title 61"))
      #expect(try await scene.database.count("embedding IS NULL", in: "notes") == 20)
      #expect(try await scene.database.count("embedding IS NULL AND id > 20", in: "notes") == 0)
    }
  }

  @Test(arguments: [
    (
      "text: [title, nothing]",
      "notes.nothing: there is no such column; correct `text` in the job: it names the columns to read"
    ),
    ("text: {sql: nothing}", "refuses the SQL of its text"),
    ("text: title\n    since: {nothing: 5}", "notes.nothing: there is no such column; name a column with since:"),
    ("text: title\n    write_to: parts", "notes: it is no view, and write_to is for a view; leave write_to out"),
  ])
  func `what the database hasn't is told before anything is sent`(_ lines: String, _ told: String) async throws {
    for engine in Self.engines {
      try await Scene.run(engine) { scene in
        try await Self.make(scene, engine)
        try await scene.database.run(
          "ALTER TABLE parts ADD id bigint; ALTER TABLE parts ADD embedding \(engine == .sqlite ? "VECTOR(8)" : "vector(8)"); "
            + "CREATE UNIQUE INDEX the_key ON parts (id);"
            + (engine == .sqlite
              ? "UPDATE parts SET id = note" : "UPDATE parts SET id = note; ALTER TABLE parts ALTER id SET NOT NULL"))
        try Self.write("table: notes\n    \(lines)", in: scene)
        let exit = try await scene.fill()
        #expect(exit.code == 78)
        #expect(exit.errors.contains(told), "\(exit.errors)")
        #expect(scene.server.record.requests.isEmpty)
      }
    }
  }

  @Test(arguments: [ChatDatabase.Engine.postgres16, .postgres18])
  func `a partitioned table's index is rebuilt part by part, also after a kill`(_ engine: ChatDatabase.Engine)
    async throws
  {
    let gate = EmbeddingsServer.Gate()
    try await Scene.run(engine, rules: [.texts(where: { $0 == "title 60" }, .hold(gate, then: .answer))]) { scene in
      try await scene.database.run(
        """
        CREATE TABLE notes (id bigint PRIMARY KEY, title text, embedding vector(8)) PARTITION BY RANGE (id);
        CREATE TABLE notes_1 PARTITION OF notes FOR VALUES FROM (0) TO (31);
        CREATE TABLE notes_2 PARTITION OF notes FOR VALUES FROM (31) TO (100);
        INSERT INTO notes SELECT n, 'title ' || n FROM generate_series(1, 60) AS n;
        CREATE INDEX near ON notes USING hnsw (embedding vector_cosine_ops)
        """)
      try Self.write("table: notes\n    text: title", in: scene, "index: {when: rebuild}")
      let indexes = { try await IndexScene.indexes(of: scene).filter { $0[0]?.contains("notes") == true } }
      let original = try await indexes()
      #expect(original.count == 3)
      func isWaiting(_ query: String) async throws -> Bool {
        try await scene.database.count(
          "datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '\(query)'", in: "pg_stat_activity")
          > 0
      }
      let hold = try Hold("LOCK TABLE notes_2 IN ROW EXCLUSIVE MODE", on: scene.database.url)
      let early = try scene.start(["run", "job.yaml"])
      try await scene.poll("the wait for the lock") { try await isWaiting("DROP INDEX%") }
      early.send(SIGKILL)
      _ = await early.exit()
      hold.release()
      #expect(try await indexes() == original)
      // Another machine, which has no replies of the first.
      let other = scene.elsewhere("other")
      let second = try scene.start(["run", "job.yaml"], other)
      // PostgreSQL may fail to tell a definition during a drop.
      try await scene.poll("the drop") { try await IndexScene.validity(of: scene).isEmpty }
      let build = try Hold("LOCK TABLE notes_2 IN ROW EXCLUSIVE MODE", on: scene.database.url)
      gate.open()
      // A transaction that may write keeps the part's build waiting.
      try await scene.poll("the build of the second part") { try await isWaiting("CREATE INDEX CONCURRENTLY%notes_2%") }
      second.send(SIGKILL)
      _ = await second.exit()
      #expect(try await indexes() != original)
      build.release()
      let exit = try await scene.fill([], other)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await indexes() == original)
      #expect(try await scene.database.count("embedding IS NULL", in: "notes") == 0)
    }
  }
}
