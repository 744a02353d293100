import Foundation
import TestSupport
import Testing

/// What a run reads of a great table that is nearly filled, as PostgreSQL counts its buffers.
@Suite struct GentleReadTests {
  static let postgres: [ChatDatabase.Engine] = [.postgres16, .postgres18]
  static let index = "CREATE INDEX great_lacking ON great (id) WHERE embedding IS NULL"

  static func run(
    _ engine: ChatDatabase.Engine, rows: String, condition: String = "", _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(engine) { scene in
      try await scene.database.run(
        """
        CREATE UNLOGGED TABLE great (id bigint PRIMARY KEY, content text, embedding vector(8));
        ALTER TABLE great SET (autovacuum_enabled = off);
        INSERT INTO great \(rows);
        """)
      try scene.write(
        spec: """
          sources:
            - table: great
          \(condition)model: text-embedding-3-small
          dimensions: 8
          batch_size: 10
          """)
      try await body(scene)
    }
  }

  /// The buffers that sessions which have ended touched of the table, its indexes and its TOAST table.
  static func buffers(_ scene: Scene) async throws -> Int {
    // A session's last counts come with its end, also those of the one that made the table.
    try await scene.poll("the end of all other sessions") {
      try await scene.database.rows(
        """
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
        """
      ).isEmpty
    }
    let counts = try await scene.database.rows(
      """
      SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)
        + coalesce(toast_blks_read + toast_blks_hit, 0) + coalesce(tidx_blks_read + tidx_blks_hit, 0))
      FROM pg_statio_user_tables WHERE relname = 'great'
      """)
    return counts.first?.first.flatMap { $0 }.flatMap(Int.init) ?? -1
  }

  /// A run's buffers and what it said. The vectors that the tests make are taken as they are.
  static func fill(_ scene: Scene, _ name: String) async throws -> (buffers: Int, exit: VecfillProcess.Exit) {
    let before = try await buffers(scene)
    let exit = try await scene.fill(["--adopt"])
    let touched = try await buffers(scene) - before
    print("figure: \(name): \(touched) buffers")
    #expect(exit.code == 0, "\(exit.errors)")
    return (touched, exit)
  }

  // A table that is read to its end has more buffers than the bound in the smaller one too.
  @Test(arguments: [(ChatDatabase.Engine.postgres16, 300_000), (.postgres18, 1_000_000)])
  func `of a million rows, all filled but a hundred, fewer than 2,000 buffers are touched by way of the index`(
    engine: ChatDatabase.Engine, count: Int
  ) async throws {
    let every = count / 100
    let rows = """
      SELECT n, 'row ' || n, CASE WHEN n % \(every) <> 0 THEN '[1,1,1,1,1,1,1,1]'::vector END
      FROM generate_series(1, \(count)) AS n
      """
    try await Self.run(engine, rows: rows) { scene in
      try await scene.database.run(Self.index)
      try await scene.database.run("VACUUM ANALYZE great")
      let (touched, exit) = try await Self.fill(scene, "\(engine), 100 of \(count) rows, with the index")
      #expect(exit.output.contains("rows written         100\n"))
      #expect(!exit.errors.contains("CREATE INDEX"))
      #expect(touched > 0)
      #expect(touched < 2_000)
      // The entries of the rows just written are looked at for as long as the server has an older transaction.
      try await scene.poll("the end of what the rows were before") {
        try await scene.database.run("VACUUM (INDEX_CLEANUP ON) great")
        return try await scene.database.rows(
          "SELECT 1 FROM pg_stat_user_tables WHERE relname = 'great' AND n_dead_tup > 0"
        ).isEmpty
      }
      let (again, _) = try await Self.fill(scene, "\(engine), none of \(count) rows, with the index")
      #expect(again < 500)

      try await scene.database.run(
        "DROP INDEX great_lacking; UPDATE great SET embedding = NULL WHERE id % \(every) = 0")
      let (without, warned) = try await Self.fill(scene, "\(engine), 100 of \(count) rows, without the index")
      #expect(warned.errors.components(separatedBy: "CREATE INDEX").count == 2, "\(warned.errors)")
      #expect(warned.errors.contains(#"WHERE "embedding" IS NULL"#))
      #expect(without > touched)
      #expect(without >= 2_000, "all of the table is more than the bound")
    }
  }

  @Test(arguments: postgres)
  func `blank rows are neither transferred nor looked at again and again`(engine: ChatDatabase.Engine) async throws {
    let text = "CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE repeat(' ', 900) END"
    let rows = "SELECT n, \(text) FROM generate_series(1, 50000) AS n"
    try await Self.run(engine, rows: rows) { scene in
      try await scene.database.run(Self.index)
      try await scene.database.run("VACUUM ANALYZE great")
      let (_, exit) = try await Self.fill(scene, "\(engine), 50,000 blank rows")
      #expect(exit.output.contains("blank, skipped       50,000\n"))
      #expect(scene.server.record.requests.isEmpty)
      let (again, _) = try await Self.fill(scene, "\(engine), 50,000 blank rows, again")
      let pages = try await scene.database.rows("SELECT pg_relation_size('great') / 8192")
      print("figure: \(engine), 50,000 blank rows: the table has \(pages[0][0] ?? "") pages")
      // One pass to count, one to fill, one to count what arrived; no text is read that is not in the row itself.
      #expect(again <= 4 * (Int(pages[0][0] ?? "") ?? 0))
    }
  }

  /// Rows that are blank to the last one, by whatever white space, or only seem to be.
  static let odd: [(text: String, isBlank: Bool)] = [
    ("\u{A0}", true), ("\u{3000}\u{2003}", true), (" \u{85}\t", true), (String(repeating: " ", count: 1500), true),
    (" \u{A0}\u{3000}x", false), ("\u{200B}", false), ("\u{FEFF} ", false), ("\t\n.", false), ("\u{3000}字", false),
  ]

  @Test(arguments: postgres)
  func `by the index that migrate up makes, blank rows cost nothing, and no other row is taken for one`(
    engine: ChatDatabase.Engine
  ) async throws {
    let text = "CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE E' \\t\\r\\n' || repeat(' ', 900) END"
    let rows = "SELECT n, \(text) FROM generate_series(1, 50000) AS n"
    try await Self.run(engine, rows: rows) { scene in
      let up = try await scene.start(["migrate", "up", "job.yaml"]).exit()
      #expect(up.code == 0 && up.errors.contains("great_embedding_missing: applied"), "\(up.errors)")
      try await scene.database.run("VACUUM ANALYZE great")
      let (first, exit) = try await Self.fill(scene, "\(engine), 50,000 blank rows, the job's own index")
      #expect(exit.output.contains("rows written         0\n"), "\(exit.output)")
      #expect(
        exit.output.contains("blank, skipped       not counted: the index of missing rows leaves them out\n"),
        "\(exit.output)")
      #expect(scene.server.record.requests.isEmpty)
      let pages = try await scene.database.rows("SELECT relpages FROM pg_class WHERE relname = 'great'").first?.first
      // Once, until it is recorded, the column is searched for vectors of another model.
      #expect(first < (pages?.flatMap(Int.init) ?? 0) + 200)
      let (again, _) = try await Self.fill(scene, "\(engine), 50,000 blank rows, the job's own index, again")
      #expect(again < 200)

      for (index, odd) in Self.odd.enumerated() {
        try await scene.database.run(
          "UPDATE great SET content = U&'\(odd.text.unicodeScalars.map { String(format: "\\%04X", $0.value) }.joined())' "
            + "WHERE id = \((index + 1) * 5000)")
      }
      let (found, filled) = try await Self.fill(scene, "\(engine), 9 odd rows among 50,000 blank ones")
      #expect(filled.output.contains("rows written         5\n"), "\(filled.output)")
      #expect(!filled.output.contains("arrived meanwhile"), "\(filled.output)")
      #expect(found < 2_000)
      let written = try await scene.database.rows("SELECT id FROM great WHERE embedding IS NOT NULL ORDER BY id")
      let wanted = Self.odd.indices.filter { !Self.odd[$0].isBlank }.map { String(($0 + 1) * 5000) }
      #expect(written.map { $0[0] } == wanted)
      let estimate = try await scene.start(["estimate", "job.yaml"]).exit()
      #expect(estimate.output.contains("not counted: the index of missing rows leaves"), "\(estimate.output)")
      let status = try await scene.start(["status"]).exit()
      #expect(status.output.contains("blank, skipped       not counted: "), "\(status.output)")
    }
  }

  /// The buffers that sessions which have ended touched of anything in the scene's database, and how many they were.
  ///
  /// It is asked in another database, so that who asks is not among them.
  static func everything(_ scene: Scene) async throws -> (buffers: Int, sessions: Int) {
    let url = try #require(URL(string: scene.database.url))
    let outside = PostgresDatabase(port: try #require(url.port), name: "postgres")
    try await scene.poll("the end of all sessions") {
      try await outside.run(
        "SELECT 1 FROM pg_stat_activity WHERE datname = '\(url.lastPathComponent)' AND backend_type = 'client backend'"
      ).isEmpty
    }
    let counts = try await outside.run(
      "SELECT blks_hit + blks_read, sessions FROM pg_stat_database WHERE datname = '\(url.lastPathComponent)'")
    return (counts[0][0].flatMap(Int.init) ?? -1, counts[0][1].flatMap(Int.init) ?? -1)
  }

  @Test(arguments: postgres)
  func `in all, the catalogue too, a run reads fewer than 2,000 buffers, in three sessions`(
    engine: ChatDatabase.Engine
  ) async throws {
    let rows = """
      SELECT n, 'row ' || n, CASE WHEN n % 200 <> 0 THEN '[1,1,1,1,1,1,1,1]'::vector END
      FROM generate_series(1, 20000) AS n
      """
    try await Self.run(engine, rows: rows) { scene in
      try await scene.database.run(Self.index)
      try await scene.database.run("VACUUM ANALYZE great")
      // The table's own buffers are those of the writes, for the most part: 100 rows in the table and in its key's index.
      var beside = Int.max
      var idle = Int.max
      // The least of some: the first session after a change makes its cache of the catalogue, and autovacuum reads, too.
      for _ in 1...3 {
        try await scene.database.run("UPDATE great SET embedding = NULL WHERE id % 200 = 0")
        let table = try await Self.buffers(scene)
        let before = try await Self.everything(scene)
        let full = try await scene.fill(["--adopt"])
        #expect(full.output.contains("rows written         100"), "\(full.output)\(full.errors)")
        let after = try await Self.everything(scene)
        beside = min(beside, after.buffers - before.buffers - (try await Self.buffers(scene) - table))
        let again = try await Self.everything(scene)
        let none = try await scene.fill(["--adopt"])
        #expect(none.output.contains("rows written         0\n"), "\(none.output)\(none.errors)")
        let end = try await Self.everything(scene)
        idle = min(idle, end.buffers - again.buffers)
        #expect(end.sessions - again.sessions == 3)
      }
      print("figure: \(engine), 100 rows filled: \(beside) buffers beside the table's; none to fill: \(idle) in all")
      #expect(beside > 0 && beside < 2_000)
      #expect(idle > 0 && idle < 2_000)
    }
  }

  /// A condition of one millisecond a row, and of twenty where the rows are counted, so that the count goes on for as
  /// long as the rest takes on any machine; and a role whose statements may take a fraction of that.
  @Test(arguments: postgres)
  func `a slow count keeps no page waiting, and the role's own time limit ends nothing`(
    engine: ChatDatabase.Engine
  ) async throws {
    let rows = "SELECT n, 'row ' || n FROM generate_series(1, 3000) AS n"
    try await Self.run(engine, rows: rows, condition: "    where: slow(id)\n") { scene in
      let role = "hasty_\(UInt32.random(in: 0...UInt32.max))"
      try await scene.database.run(
        """
        CREATE FUNCTION slow(id bigint) RETURNS boolean LANGUAGE sql VOLATILE
          AS $$ SELECT pg_sleep(CASE WHEN current_query() LIKE '%count(*)%bool%' THEN 0.02 ELSE 0.001 END); SELECT true $$;
        CREATE ROLE \(role) LOGIN; GRANT ALL ON great TO \(role); ALTER ROLE \(role) SET statement_timeout = '1500ms';
        """)
      let url = scene.database.url.replacing("postgres@", with: "\(role)@")
      let process = try scene.start(["run", "job.yaml", "--grace", "0"], ["DATABASE_URL": url])
      try await scene.server.wait { !$0.requests.isEmpty }
      let counting = try await scene.database.rows(
        """
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND usename = '\(role)' AND state = 'active' AND query LIKE '%count(*)%bool%'
        """)
      #expect(!counting.isEmpty, "the count had ended before the first request")
      try await scene.database.run(
        "CREATE OR REPLACE FUNCTION slow(id bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
      let exit = await process.exit()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NULL", in: "great") == 0)
      try await scene.database.run("DROP OWNED BY \(role); DROP ROLE \(role)")
    }
  }
}
