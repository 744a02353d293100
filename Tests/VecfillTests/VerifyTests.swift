import Backfill
import Foundation
import TestSupport
import Testing

/// `vecfill verify`: each planted defect is found, and a clean column is fine.
@Suite struct VerifyTests {
  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a clean column is fine, and nothing is written`(engine: ChatDatabase.Engine) async throws {
    try await FilledTable.run(engine) { table in
      if engine != .sqlite { try await table.run("CREATE INDEX m_hnsw ON m USING hnsw (embedding vector_cosine_ops)") }
      let before = try await table.rows("SELECT id, content, CAST(embedding AS text) FROM m ORDER BY id")
      let (found, exit) = try await table.verify()
      #expect(exit.code == 0, "\(exit.output)\(exit.errors)")
      #expect(found.allSatisfy { $0.mark == "ok" }, "\(exit.output)")
      #expect(found.line("rows")?.rows == FilledTable.rows)
      #expect(found.line("sample")?.found.contains("20 of 20 come out the same") == true)
      #expect((found.line("recall") != nil) == (engine != .sqlite))
      #expect(try await table.rows("SELECT id, content, CAST(embedding AS text) FROM m ORDER BY id") == before)
      #expect(!FileManager.default.fileExists(atPath: table.scene.ledgerPath))
      #expect(exit.errors.contains("embeds a sample again"), "\(exit.errors)")
      let plain = try await table.command("verify", ["--offline"], ["OPENAI_API_KEY": nil])
      #expect(plain.code == 0 && plain.output.contains("nothing wrong was found"), "\(plain.output)\(plain.errors)")
      #expect(!plain.output.contains("ok  dimensions: none") && !plain.output.contains(": none\n"), "\(plain.output)")
      #expect(plain.output.contains("m.embedding  ok  zero: no vector is all zeros\n"), "\(plain.output)")
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `the rows and texts of a view are looked at as the view shows them`(engine: ChatDatabase.Engine) async throws {
    try await FilledTable.run(engine) { table in
      // Texts of its own under a name of its own, and under the table's.
      for text in ["whole", "content"] {
        try await table.run(
          """
          DROP VIEW IF EXISTS shown;
          UPDATE m SET embedding = NULL;
          CREATE VIEW shown AS SELECT id, embedding, 'shown: ' || upper(content) AS \(text) FROM m WHERE id <= 30
          """)
        try table.scene.write(source: "table: shown\n    write_to: m\n    text: \(text)")
        let run = try await table.command("run", ["--adopt"])
        #expect(run.code == 0, "\(run.errors)")
        let (found, exit) = try await table.verify()
        #expect(exit.code == 0, "\(exit.output)\(exit.errors)")
        #expect(found.line("rows")?.rows == 30 && found.line("missing")?.mark == "ok", "\(exit.output)")
        #expect(found.line("sample")?.found.contains("20 of 20 come out the same") == true, "\(exit.output)")
        try await table.run("DELETE FROM vecfill_column")
      }
    }
  }

  /// What is planted, and how it shows.
  struct Defect: Sendable, CustomTestStringConvertible {
    let name: String
    var engines = ChatDatabase.Engine.allCases
    var type: String?
    /// The check that fails; nil where it is a warning.
    let check: String
    var mark = "failed"
    var rows: Int?
    var keys: [String]?
    var arguments = ["--yes"]
    let plant: @Sendable (FilledTable) async throws -> Void

    var testDescription: String { name }
  }

  private static let postgres: [ChatDatabase.Engine] = [.postgres16, .postgres18]

  static let defects: [Defect] = [
    Defect(name: "rows without a vector", check: "missing", mark: "warning", rows: 2, keys: ["3", "4"]) {
      try await $0.run(
        "UPDATE m SET embedding = NULL WHERE id IN (3, 4); UPDATE m SET content = ' ', embedding = NULL WHERE id = 6")
    },
    Defect(
      name: "other dimensions", engines: postgres, type: "vector", check: "dimensions", rows: 2, keys: ["9", "11"]
    ) {
      for id in [9, 11] { try await $0.setVector(of: id, to: [1, 0, 0]) }
    },
    Defect(name: "other dimensions, the first row", engines: [.sqlite], check: "dimensions", rows: 1, keys: ["1"]) {
      try await $0.setVector(of: 1, to: [1, 0, 0])
    },
    Defect(name: "a value that is no number", engines: [.sqlite], check: "not finite", rows: 2, keys: ["7", "8"]) {
      try await $0.run(
        "UPDATE m SET embedding = '[nan,0,0,0,0,0,0,0]' WHERE id = 7; UPDATE m SET embedding = '[1,inf,0,0,0,0,0,0]' WHERE id = 8"
      )
    },
    // An empty text, as row 30's, stands for a vector that is missing.
    Defect(name: "no vector at all", engines: [.sqlite], check: "no vector", rows: 2, keys: ["1", "2"]) {
      try await $0.run(
        "UPDATE m SET embedding = 'oops' WHERE id = 1; UPDATE m SET embedding = x'00' WHERE id = 2; UPDATE m SET embedding = '' WHERE id = 30"
      )
    },
    Defect(name: "zeros", check: "zero", rows: 2, keys: ["12", "13"]) {
      for id in [12, 13] { try await $0.setVector(of: id, to: Array(repeating: 0, count: 8)) }
    },
    Defect(name: "some not normalised", check: "length", rows: 1, keys: ["14"]) {
      try await $0.setVector(
        of: 14, to: EmbeddingsServer.vector(for: FilledTable.text(14), dimensions: 8).map { $0 * 7 })
    },
    Defect(name: "one vector for many texts", check: "repeated", rows: 5, arguments: ["--offline"]) {
      for id in 21...25 { try await $0.setVector(of: id, to: EmbeddingsServer.vector(for: "constant", dimensions: 8)) }
    },
    Defect(name: "another model", check: "sample") {
      for id in 1...FilledTable.rows {
        try await $0.setVector(
          of: id, to: EmbeddingsServer.vector(for: "other: \(FilledTable.text(id))", dimensions: 8))
      }
    },
    Defect(name: "edited texts", check: "sample") {
      try await $0.run("UPDATE m SET content = 'edited ' || content WHERE id <= 40")
    },
    Defect(name: "an invalid index", engines: postgres, check: "index") {
      try await $0.run(
        """
        CREATE INDEX m_hnsw ON m USING hnsw (embedding vector_cosine_ops);
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'm_hnsw'::regclass
        """)
    },
    Defect(name: "no index", engines: postgres, check: "index", mark: "warning") { _ in },
    Defect(name: "an index that finds few neighbours", engines: postgres, check: "recall") { table in
      try await table.run("CREATE INDEX m_hnsw ON m USING hnsw (embedding vector_cosine_ops)")
      try await table.run("ALTER DATABASE \"\(table.database?.name ?? "")\" SET hnsw.ef_search = 1")
    },
  ]

  static let planted = defects.flatMap { defect in defect.engines.map { (defect, $0) } }

  @Test(arguments: planted)
  func `a planted defect is found`(defect: Defect, engine: ChatDatabase.Engine) async throws {
    try await FilledTable.run(engine, type: defect.type) { table in
      try await defect.plant(table)
      let (found, exit) = try await table.verify(defect.arguments)
      let line = try #require(found.line(defect.check), "\(exit.output)\(exit.errors)")
      #expect(line.mark == defect.mark, "\(line)")
      #expect(line.next?.isEmpty == false)
      #expect(exit.code == (defect.mark == "failed" ? 65 : 0), "\(exit.output)\(exit.errors)")
      if let rows = defect.rows { #expect(line.rows == rows, "\(line)") }
      if let keys = defect.keys { #expect(line.keys == keys, "\(line)") }
      // Nothing else is said to be wrong, and no text is shown.
      #expect(found.failed == (defect.mark == "failed" ? [defect.check] : []), "\(exit.output)")
      #expect(!exit.output.contains("message ") && !exit.output.contains("line one"), "\(exit.output)")
    }
  }

  @Test(arguments: postgres)
  func `a role that may only SELECT is enough, and each statement that reads rows is read-only`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await FilledTable.run(engine) { table in
      let database = try #require(table.database)
      let role = "auditor_\(database.name)"
      // The condition is evaluated in the very statements: it fails where they could write.
      try await database.run(
        """
        CREATE ROLE \(role) LOGIN; GRANT SELECT ON m TO \(role);
        CREATE FUNCTION is_read_only() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
          IF current_setting('transaction_read_only') <> 'on' THEN RAISE EXCEPTION 'it could write'; END IF;
          RETURN true;
        END $$
        """)
      try table.scene.write(source: "table: m\n    where: is_read_only()")
      let url = database.url.replacing("postgres@", with: "\(role)@")
      let (found, exit) = try await table.verify(["--yes"], ["DATABASE_URL": url])
      #expect(exit.code == 0, "\(exit.output)\(exit.errors)")
      #expect(found.line("rows")?.rows == FilledTable.rows, "\(exit.output)\(exit.errors)")
      #expect(found.failed.isEmpty)
    }
  }

  @Test func `without a terminal and without --yes no text is sent, and all the rest is told`() async throws {
    try await FilledTable.run(.sqlite) { table in
      let (found, exit) = try await table.verify([])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(found.line("sample")?.mark == "skipped")
      #expect(found.line("sample")?.found.contains("--yes") == true)
      #expect(table.scene.server.record.requests.isEmpty)
    }
  }

  @Test func `equal texts, and those that differ in case alone, may share a vector`() async throws {
    try await FilledTable.run(.sqlite) { table in
      let same = EmbeddingsServer.vector(for: "same", dimensions: 8)
      try await table.run(
        """
        INSERT INTO m SELECT id + 100, CASE id % 3 WHEN 0 THEN 'same' WHEN 1 THEN 'Same' ELSE ' SAME' END,
          \(table.literal(same)) FROM m
        """)
      let (found, exit) = try await table.verify(["--offline"])
      #expect(exit.code == 0, "\(exit.output)")
      #expect(found.line("repeated")?.mark == "ok")
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `rows that the job's condition leaves out are not looked at, and many windows are`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await FilledTable.run(engine) { table in
      try await table.run(
        """
        INSERT INTO m (id, content) WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 13000)
          SELECT i, 'filler ' || i FROM n
        """)
      try await table.setVector(of: 12_999, to: Array(repeating: 0, count: 8))
      try table.scene.write(source: "table: m\n    where: id <> 12998")
      let (found, exit) = try await table.verify(["--offline"])
      #expect(exit.code == 65, "\(exit.output)\(exit.errors)")
      #expect(found.line("rows")?.rows == FilledTable.rows + 12_000)
      #expect(found.line("missing")?.rows == 11_999)
      #expect(found.line("zero")?.keys == ["12999"])
    }
  }

  @Test(arguments: ChatDatabase.Engine.allCases)
  func `a column that is not there, and a provider that refuses, end with their own codes`(
    engine: ChatDatabase.Engine
  ) async throws {
    try await FilledTable.run(engine) { table in
      let denied = try await table.command("verify", ["--yes"], ["OPENAI_API_KEY": "sk-wrong"])
      #expect(denied.code == 77, "\(denied.errors)")
      try table.scene.write(source: "table: m\n    vector: elsewhere")
      let missing = try await table.command("verify", ["--yes"])
      #expect(missing.code == 78, "\(missing.errors)")
    }
  }
}
