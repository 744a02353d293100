import Backfill
import Foundation
import TestSupport
import Testing

/// `vecfill reembed` of real columns from one model to another.
@Suite struct ReembedTests {
  static let engines = [ChatDatabase.Engine.postgres16, .postgres18]

  @Test(arguments: engines, [8, 12]) func `a job's columns are changed to another model, and back, and forth again`(
    engine: ChatDatabase.Engine, dimensions: Int
  ) async throws {
    try await ReembedScene.run(engine, dimensions: dimensions) { world in
      let before = try await world.definitions()
      let exit = try await world.reembed(world.beginning)
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.output.contains("rows to embed"))
      #expect(exit.output.contains("cost"))
      #expect(exit.errors.contains("recall@10"))
      let held = "vectors of \(ReembedScene.new), \(dimensions) dimensions"
      let columns = "chat_messages.embedding, standalone_chat_messages.embedding"
      #expect(exit.output.contains("job: from \(ReembedScene.former), 8 dimensions to \(ReembedScene.new), "))
      #expect(exit.output.contains(/from +text-embedding-3-small, 8 dimensions\n/), "\(exit.output)")
      #expect(exit.errors.contains("switched: \(columns) now hold \(held)\n"), "\(exit.errors)")
      #expect(!(exit.output + exit.errors).contains("public."), "\(exit.output)\(exit.errors)")
      // The filling before the switch and after it finds nothing left.
      #expect(exit.output.components(separatedBy: "rows written").count == 2, "\(exit.output)")
      #expect(exit.errors.components(separatedBy: "job:reembed: fresh; ").count <= 2, "\(exit.errors)")
      #expect(try await world.wrong(ReembedScene.new) == [])
      #expect(try await world.records() == [["chat_messages", "keep"], ["standalone_chat_messages", "keep"]])

      let former = try await world.scene.fill()
      #expect(former.code == 78)
      #expect(former.errors.contains("model=\(ReembedScene.new)"), "\(former.errors)")

      let undone = try await world.reembed(["--undo"])
      #expect(undone.code == 0, "\(undone.errors)")
      #expect(undone.output.hasPrefix("undone: \(columns) hold vectors of \(ReembedScene.former) again. "))
      #expect(try await world.wrong(ReembedScene.former) == [])
      #expect(try await world.scene.fill().code == 0)

      let again = try await world.reembed(["--yes"])
      #expect(again.code == 0, "\(again.errors)")
      #expect(try await world.wrong(ReembedScene.new) == [])

      try world.writeNewSpec()
      let run = try await world.scene.fill()
      #expect(run.code == 0, "\(run.errors)")
      let early = try await world.reembed(["--finish"])
      #expect(early.code == 78)
      #expect(early.errors.contains("kept until"))
      let finished = try await world.reembed(["--finish", "--yes"])
      #expect(finished.code == 0, "\(finished.errors)")
      #expect(finished.output == "finished: \(columns) hold \(held)\n", "\(finished.output)")
      #expect(try await world.records() == [])
      let after = try await world.definitions().map {
        $0.map { $0?.replacing("vector(\(dimensions))", with: "vector(8)") }
      }
      #expect(after == before)
      #expect(try await world.wrong(ReembedScene.new) == [])
      #expect(try await world.scene.fill().code == 0)
    }
  }

  @Test(arguments: engines) func `abandoned before the switch, all is as before`(engine: ChatDatabase.Engine)
    async throws
  {
    try await ReembedScene.run(engine) { world in
      let before = try await world.definitions()
      let exit = try await world.reembed(world.beginning + ["--no-switch"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await world.wrong(ReembedScene.former) == [])
      #expect(try await world.wrong(ReembedScene.new, in: "embedding_new") == [])
      let abandoned = try await world.reembed(["--abandon", "--yes"])
      #expect(abandoned.code == 0, "\(abandoned.errors)")
      #expect(try await world.definitions() == before)
      #expect(try await world.records() == [])
      #expect(try await world.wrong(ReembedScene.former) == [])
      let again = try await world.reembed(world.beginning)
      #expect(again.code == 0, "\(again.errors)")
      #expect(try await world.wrong(ReembedScene.new) == [])
    }
  }
}

/// What is refused, and what a stale record is worth.
@Suite struct ReembedRefusalTests {
  @Test func `another model is refused while one is under way, and each wrong request says what to do`() async throws {
    try await ReembedScene.run(.postgres18, rows: 10) { world in
      let unasked = try await world.reembed(["--to", ReembedScene.new, "--dimensions", "8"])
      #expect(unasked.code == 64 && unasked.errors.contains("--yes"), "\(unasked.errors)")
      #expect(unasked.output.contains("cost"))
      #expect(try await world.scene.database.count("true") == 10)
      for arguments in [["--undo"], ["--abandon", "--yes"], ["--finish", "--yes"], []] {
        let none = try await world.reembed(arguments)
        #expect(none.code == 64 && none.errors.contains("--to"), "\(none.errors)")
      }
      let same = try await world.reembed(["--to", ReembedScene.former, "--dimensions", "8", "--yes"])
      #expect(same.code == 78 && same.errors.contains("already"), "\(same.errors)")
      let unknown = try await world.reembed(["--to", "no-such-model", "--dimensions", "8", "--yes"])
      #expect(unknown.code != 0)
      #expect(try await world.definitions().contains { $0[0]?.contains("embedding_new") == true } == false)

      let ready = try await world.reembed(world.beginning + ["--no-switch"])
      #expect(ready.code == 0, "\(ready.errors)")
      let other = try await world.reembed(["--to", ReembedScene.new, "--dimensions", "16", "--yes"])
      #expect(other.code == 78 && other.errors.contains("--abandon"), "\(other.errors)")
      let strict = try await world.reembed(["--undo"])
      #expect(strict.code == 78 && strict.errors.contains("--abandon"), "\(strict.errors)")
      let fill = try await world.scene.fill()
      #expect(fill.code == 0, "\(fill.errors)")
    }
  }

  @Test func `an overlap below what is asked for stops before the switch`() async throws {
    try await ReembedScene.run(.postgres16, rows: 40) { world in
      let exit = try await world.reembed(world.beginning + ["--min-overlap", "90%"])
      #expect(exit.code == 65 && exit.errors.contains("overlap@10 is"), "\(exit.errors)")
      #expect(try await world.wrong(ReembedScene.former) == [])
      let status = try await world.reembed(["--status"])
      #expect(status.output.contains("comparing neighbours"))
    }
  }

  @Test(arguments: [
    ("CREATE VIEW nearest AS SELECT id, embedding FROM chat_messages", "the view nearest"),
    (
      "CREATE PUBLICATION nearest FOR TABLE chat_messages (id, content, embedding)",
      "the column list or the condition of the publication nearest"
    ),
  ])
  func `what would go on reading the former column is named before anything is changed`(_ made: String, _ name: String)
    async throws
  {
    try await ReembedScene.run(.postgres18, rows: 4) { world in
      try await world.scene.database.run(made)
      let exit = try await world.reembed(world.beginning)
      #expect(exit.code == 78 && exit.errors.contains(name), "\(exit.errors)")
      #expect(try await world.definitions().contains { $0[0]?.contains("embedding_new") == true } == false)
    }
  }

  @Test func `a run that fills the column keeps it from being switched`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await ReembedScene.run(.postgres18, rows: 20, rules: [.texts(with: "held", .hold(gate, then: .answer))]) {
      world in
      let ready = try await world.reembed(world.beginning + ["--no-switch"])
      #expect(ready.code == 0, "\(ready.errors)")
      try await world.scene.database.insert(["held"])
      try await world.scene.database.run(
        "UPDATE chat_messages SET embedding_new = '[1,2,3,4,5,6,7,8]' WHERE content = 'held'")
      let run = try world.scene.start(["run", "job.yaml"])
      try await world.scene.server.wait { $0.inFlight == 1 }
      let exit = try await world.reembed(["--yes"])
      #expect(exit.code == 80 && exit.errors.contains("fills it"), "\(exit.errors)")
      gate.open()
      #expect(await run.exit().code == 0)
      let again = try await world.reembed(["--yes"])
      #expect(again.code == 0, "\(again.errors)")
    }
  }

  @Test func `a table that was made anew is changed from the beginning`() async throws {
    try await ReembedScene.run(.postgres16, rows: 10) { world in
      let exit = try await world.reembed(world.beginning)
      #expect(exit.code == 0, "\(exit.errors)")
      try await world.scene.database.run(
        """
        DROP TABLE chat_messages;
        CREATE TABLE chat_messages (id serial PRIMARY KEY, content text NOT NULL, embedding vector(8));
        INSERT INTO chat_messages (content) SELECT 'again ' || i FROM generate_series(1, 10) i
        """)
      try world.scene.write(source: "table: chat_messages")
      #expect(try await world.scene.fill().code == 0)
      let again = try await world.reembed(world.beginning)
      #expect(again.code == 0, "\(again.errors)")
      let rows = try await world.scene.database.rows("SELECT count(*) FROM chat_messages WHERE embedding IS NOT NULL")
      #expect(rows == [["10"]])
    }
  }

  @Test(arguments: [
    ("text: {sql: \"public.chat_messages.content || ' x'\"}", "a trigger can't compute its text"),
    ("text: {sql: \"content || xmin::text\"}", "a trigger can't compute its text"),
    ("text: whole", "its text reads whole, a generated column"),
    ("text: \"{role}: {whole}\"", "its text reads whole, a generated column"),
    ("text: {sql: upper(whole)}", "its text reads whole, a generated column"),
  ])
  func `a text whose edits no trigger can see is refused before anything is paid or changed`(
    _ text: String, _ words: String
  ) async throws {
    var options = EmbeddingsServer.Options()
    options.otherModels = [ReembedScene.new]
    try await Scene.run(.postgres18, options) { scene in
      try await scene.database.insert(["one", "two"])
      try await scene.database.run(
        "ALTER TABLE chat_messages ADD COLUMN whole text GENERATED ALWAYS AS (content || '.') STORED")
      try scene.write(source: "{table: chat_messages, \(text)}")
      let fill = try await scene.fill()
      #expect(fill.code == 0, "\(fill.errors)")
      let requests = scene.server.record.requests.count
      let arguments = ["reembed", "job.yaml", "--to", ReembedScene.new, "--dimensions", "8", "--yes"]
      let exit = try await scene.start(arguments).exit()
      #expect(exit.code == 78 && exit.errors.contains(words), "\(exit.errors)")
      #expect(scene.server.record.requests.count == requests)
      let columns = try await scene.database.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'chat_messages'::regclass AND attname LIKE 'embedding_%'")
      #expect(columns.isEmpty)
    }
  }

  @Test func `SQLite is refused, and told what to do instead`() async throws {
    try await Scene.run(.sqlite) { scene in
      let exit = try await scene.start(["reembed", "job.yaml", "--to", ReembedScene.new]).exit()
      #expect(exit.code == 78 && exit.errors.contains("PostgreSQL only"), "\(exit.errors)")
    }
  }
}
