import Foundation
import TestSupport
import Testing

/// Tables that take no row's vector.
@Suite struct RefusingTableTests {
  struct Refusal: CustomTestStringConvertible {
    let testDescription: String
    let engine: ChatDatabase.Engine
    let sql: String
    let mend: String
    let told: String
  }

  private static func trigger(_ name: String, _ body: String, _ told: String) -> Refusal {
    Refusal(
      testDescription: name, engine: .postgres18,
      sql: """
        CREATE FUNCTION hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \(body) RETURN NEW; END $$;
        CREATE TRIGGER audit BEFORE UPDATE ON chat_messages FOR EACH ROW EXECUTE FUNCTION hook()
        """, mend: "DROP TRIGGER audit ON chat_messages", told: told)
  }

  static let cases = [
    trigger(
      "an audit that needs a setting", "PERFORM current_setting('app.user_id');",
      "the trigger audit refuses it (SQLSTATE 42704)"),
    trigger(
      "a trigger that empties", "NEW.embedding := NULL;",
      "it accepts the write and the row still lacks a vector of its text; look at trigger audit"),
    Refusal(
      testDescription: "a check", engine: .postgres18,
      sql: "ALTER TABLE chat_messages ADD CONSTRAINT unit CHECK (vector_norm(embedding) < 0.001)",
      mend: "ALTER TABLE chat_messages DROP CONSTRAINT unit", told: "the constraint unit refuses it (SQLSTATE 23514)"),
    Refusal(
      testDescription: "RAISE(ABORT)", engine: .sqlite,
      sql: "CREATE TRIGGER audit BEFORE UPDATE ON chat_messages BEGIN SELECT RAISE(ABORT, 'no'); END",
      mend: "DROP TRIGGER audit", told: "SQLITE_CONSTRAINT_TRIGGER, trigger audit"),
  ]

  @Test(
    arguments: [(1e6, "a value of its vector is too great"), (1e-9, "all values of its vector are too small")]
      as [(Float, String)])
  func `a column of halfvec that can hold none of the model's vectors ends the run, and one of vector takes them`(
    _ factor: Float, _ reason: String
  ) async throws {
    try await Scene.run(.postgres18, rules: [.always(.distort(.scaled(factor)))]) { scene in
      try await scene.database.insert((1...2_000).map { "message \($0)" })
      try await scene.database.run("ALTER TABLE chat_messages ALTER embedding TYPE halfvec(8)")
      let exit = try await scene.fill()
      #expect(exit.code == 78, "\(exit.output)\(exit.errors)")
      #expect(exit.errors.contains(reason) && exit.errors.contains("; use vector(8); mend that"), "\(exit.errors)")
      let requests = scene.server.record.requests.count
      #expect(scene.server.record.billed.count <= 400)
      #expect(try await scene.fill().code == 78)
      #expect(scene.server.record.requests.count == requests, "the next run sends nothing")

      try await scene.database.run("ALTER TABLE chat_messages ALTER embedding TYPE vector(8)")
      let last = try await scene.fill()
      #expect(last.code == 0, "\(last.errors)")
      #expect(try await scene.database.count("embedding IS NOT NULL") == 2_000)
      #expect(scene.server.record.billedAgain == 0)
    }
  }

  @Test(arguments: cases)
  func `a run ends before more is paid, the next one pays nothing, and once it is mended all is written`(
    _ refusal: Refusal
  ) async throws {
    try await Scene.run(refusal.engine) { scene in
      try await scene.database.insert((1...2_000).map { "message \($0)" })
      try await scene.database.run(refusal.sql)
      let exit = try await scene.fill()
      #expect(exit.code == 78, "\(exit.output)\(exit.errors)")
      let line = "chat_messages: the database refuses every row's vector: \(refusal.told); mend that"
      #expect(exit.errors.contains(line), "\(exit.errors)")
      #expect(scene.server.record.billed.count <= 400)
      #expect(try await scene.start(["quarantine", "list"]).exit().output.contains("audit") == false)
      let requests = scene.server.record.requests.count
      #expect(try await scene.fill().code == 78)
      #expect(scene.server.record.requests.count == requests, "the next run sends nothing")

      try await scene.database.run(refusal.mend)
      let last = try await scene.fill()
      #expect(last.code == 0, "\(last.errors)")
      #expect(try await scene.wrongRows() == [])
      #expect(scene.server.record.billedAgain == 0)
    }
  }
}
