import Backfill
import Foundation
import TestSupport
import Testing

/// `vecfill migrate` refuses what a run would refuse, before it makes anything.
@Suite struct MigrateSurveyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let spec: String
    let message: String
    var testDescription: String { spec }
  }

  static let model = "\nmodel: text-embedding-3-small\ndimensions: 8\n"
  static let view =
    "it is a view or a foreign table; name the table itself, or the table that the view shows in write_to"

  static let postgres = [
    Case(spec: "sources: [{table: m, where: colum > 1}]", message: "PostgreSQL refuses this where of m"),
    Case(spec: "sources: [{table: m, where: \"title > 'x' AND\"}]", message: "PostgreSQL refuses this where of m"),
    Case(spec: "sources: [{table: m, since: {nowhere: 2026-01-01}}]", message: "m.nowhere: there is no such column"),
    Case(spec: "sources: [{table: m, since: {at: yesterdayish}}]", message: "is no value of m.at"),
    Case(spec: "sources: [{table: m, order: {newest: nowhere}}]", message: "m.nowhere: there is no such column"),
    Case(spec: "sources: [{table: m, text: body}]", message: "m.body: it holds jsonb, not text"),
    Case(spec: "sources: [{table: m, text: {sql: \"lower(\"}}]", message: "PostgreSQL refuses the SQL of its text"),
    Case(spec: "sources: [{table: m, text: nowhere}]", message: "m.nowhere: there is no such column"),
    Case(spec: "sources: [{table: shown}]", message: "shown: \(view)"),
    Case(
      spec: "sources: [{table: stored}]", message: "stored: it is a view or a foreign table; name the table itself"),
    Case(spec: "sources: [{table: nowhere}]", message: "nowhere: there is no such table"),
  ]

  static let sqlite = [
    Case(spec: "sources: [{table: m, where: colum > 1}]", message: "SQLite refuses this where of m"),
    Case(spec: "sources: [{table: m, since: {nowhere: 2026-01-01}}]", message: "m.nowhere: there is no such column"),
    Case(
      spec: "sources: [{table: m, vector: title}]",
      message: "m.title: row 1 holds text, not a vector; correct vector: in the job"),
    Case(
      spec: "sources: [{table: m, vector: bits}]",
      message: "m.bits: row 1 holds bytes, not a vector; correct vector: in the job"),
    Case(
      spec: "sources: [{table: m, vector: views}]",
      message: "m.views: row 1 holds a number, not a vector; correct vector: in the job"),
    Case(spec: "sources: [{table: public.m}]", message: "public.m: SQLite has no schemas"),
    Case(
      spec: "sources: [{table: shown}]",
      message:
        "shown: it is a view or a virtual table; name the table itself, or the table that the view shows in write_to"),
    Case(spec: "sources: [{table: nowhere}]", message: "nowhere: there is no such table"),
  ]

  static func make(_ scene: Scene, _ engine: ChatDatabase.Engine) async throws {
    try await scene.database.run(
      engine == .sqlite
        ? """
        CREATE TABLE m (id INTEGER PRIMARY KEY, title TEXT, content TEXT, bits BLOB, views INTEGER);
        CREATE VIEW shown AS SELECT id, content FROM m; INSERT INTO m VALUES (1, 'a title', 'x', x'010203', 12);
        """
        : """
        CREATE TABLE m (id int PRIMARY KEY, title text, content text, body jsonb, at timestamptz);
        CREATE VIEW shown AS SELECT id, content FROM m; CREATE MATERIALIZED VIEW stored AS SELECT id, content FROM m;
        INSERT INTO m VALUES (1, 'a title', 'x');
        """)
  }

  @Test(arguments: postgres.map { (ChatDatabase.Engine.postgres16, $0) } + sqlite.map { (.sqlite, $0) })
  func `plan, sql and up refuse as a run does, and make nothing`(_ engine: ChatDatabase.Engine, _ refused: Case)
    async throws
  {
    try await Scene.run(engine) { scene in
      try await Self.make(scene, engine)
      try scene.write(spec: refused.spec + Self.model)
      let made = engine == .sqlite ? "SELECT name FROM sqlite_master" : "SELECT relname FROM pg_class ORDER BY 1"
      let before = try await scene.database.rows(made)
      for arguments in [["migrate", "plan"], ["migrate", "sql"], ["migrate", "up"], ["run"]] {
        // A run finds first that the column is missing.
        if arguments == ["run"], !refused.spec.contains("vector:") { continue }
        let exit = try await scene.start(arguments + ["job.yaml"]).exit()
        #expect(exit.code == 78, "\(arguments): \(exit.output)\(exit.errors)")
        #expect(exit.errors.contains(refused.message), "\(arguments): \(exit.errors)")
        #expect(exit.output == "", "\(arguments): \(exit.output)")
      }
      #expect(try await scene.database.rows(made) == before)
    }
  }

  /// What a run needs and a migration makes is no reason to refuse, nor is a condition that speaks of it.
  @Test(arguments: [
    "sources: [{table: m}]", "sources: [{table: m, where: embedding IS NULL}]", "sources: [{table: m, edits: digest}]",
    "sources: [{table: shown, write_to: m}]", "sources: [{table: m, order: {newest: at}}]",
    "sources: [{table: m, edits: {digest: table}}]",
    "sources: [{table: m, chunks: {table: pieces, tokens: 100, overlap: 0}}]",
    "sources: [{table: m}]\nindex: {when: after}", "sources: [{table: m, where: EMBEDDING IS NULL}]",
    "sources: [{table: m, edits: digest, where: embedding_digest IS NULL}]",
    "sources: [{table: shown, write_to: m, where: embedding IS NULL}]",
    "sources: [{table: m}, {table: m, vector: other, where: embedding IS NOT NULL}]\nindex: {when: after}",
  ])
  func `what is yet to be made keeps no migration from being planned, done and done again`(_ spec: String) async throws
  {
    try await Scene.run(.postgres16) { scene in
      try await scene.database.run("DROP EXTENSION vector CASCADE")
      try await Self.make(scene, .postgres16)
      try scene.write(spec: spec + Self.model)
      for command in ["plan", "sql", "up", "plan", "up", "verify"] {
        let exit = try await scene.start(["migrate", command, "job.yaml"]).exit()
        #expect(exit.code == 0, "\(command): \(exit.output)\(exit.errors)")
      }
    }
  }

  @Test(arguments: [
    "sources: [{table: m}]", "sources: [{table: m, where: embedding IS NULL}]", "sources: [{table: m, edits: digest}]",
    "sources: [{table: shown, write_to: m}]", "sources: [{table: main.m}]",
    "sources: [{table: m, where: EMBEDDING IS NULL}]",
    "sources: [{table: shown, write_to: m, where: embedding IS NULL}]",
    "sources: [{table: m}, {table: m, vector: other, where: embedding IS NOT NULL}]",
  ])
  func `the same on SQLite`(_ spec: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try await Self.make(scene, .sqlite)
      try scene.write(spec: spec + Self.model)
      for command in ["plan", "sql", "up", "plan", "up", "verify"] {
        let exit = try await scene.start(["migrate", command, "job.yaml"]).exit()
        #expect(exit.code == 0, "\(command): \(exit.output)\(exit.errors)")
      }
    }
  }

  /// The role that migrates need not be the one that runs.
  @Test func `what the role that migrates may not read is not refused`() async throws {
    try await Scene.run(.postgres16) { scene in
      try await Self.make(scene, .postgres16)
      let role = "migrator_\(UUID().uuidString.prefix(8).lowercased())"
      try await scene.database.run(
        """
        CREATE ROLE \(role) LOGIN; GRANT CREATE, USAGE ON SCHEMA public TO \(role); ALTER TABLE m OWNER TO \(role);
        ALTER TABLE m ENABLE ROW LEVEL SECURITY; ALTER TABLE m FORCE ROW LEVEL SECURITY
        """)
      try scene.write(spec: "sources: [{table: m}]" + Self.model)
      let url = scene.database.url.replacing("postgres@", with: "\(role)@")
      let exit = try await scene.start(
        ["migrate", "up", "job.yaml"], ["VECFILL_MIGRATION_DATABASE_URL": url]
      ).exit()
      #expect(exit.code == 0, "\(exit.output)\(exit.errors)")
      try await scene.database.run("DROP OWNED BY \(role) CASCADE; DROP ROLE \(role)")
    }
  }
}
