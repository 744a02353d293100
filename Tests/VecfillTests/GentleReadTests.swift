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
    // A session's last counts come with its end.
    try await scene.poll("the end of vecfill's sessions") {
      try await scene.database.rows(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'vecfill%'"
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

  /// A run's buffers and what it said.
  static func fill(_ scene: Scene, _ name: String) async throws -> (buffers: Int, exit: VecfillProcess.Exit) {
    let before = try await buffers(scene)
    let exit = try await scene.fill()
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
      let (again, _) = try await Self.fill(scene, "\(engine), none of \(count) rows, with the index")
      #expect(again < 200)

      try await scene.database.run(
        "DROP INDEX great_lacking; UPDATE great SET embedding = NULL WHERE id % \(every) = 0")
      let (without, warned) = try await Self.fill(scene, "\(engine), 100 of \(count) rows, without the index")
      #expect(warned.errors.components(separatedBy: "CREATE INDEX").count == 2, "\(warned.errors)")
      #expect(warned.errors.contains("WHERE embedding IS NULL"))
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
      #expect(exit.output.contains("excluded, blank      50,000\n"))
      #expect(scene.server.record.requests.isEmpty)
      let (again, _) = try await Self.fill(scene, "\(engine), 50,000 blank rows, again")
      let pages = try await scene.database.rows("SELECT pg_relation_size('great') / 8192")
      print("figure: \(engine), 50,000 blank rows: the table has \(pages[0][0] ?? "") pages")
      // One pass to count, one to fill, one to count what arrived; no text is read that is not in the row itself.
      #expect(again <= 4 * (Int(pages[0][0] ?? "") ?? 0))
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
