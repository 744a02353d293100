import Backfill
import Foundation
import Migrations
import TestSupport
import Testing

/// SQL that is printed for somebody else to run, and what is said of what was done.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct HandedOverTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ spec: String, to name: String = "job.yaml") throws {
    try Data("\(spec)\nprovider: local\ndimensions: 3\n".utf8).write(to: URL(filePath: folder.file(name)))
  }

  private func migrate(_ arguments: String..., on fixture: Fixture) async throws -> VecfillProcess.Exit {
    try await VecfillProcess.run(
      ["migrate"] + arguments,
      environment: [
        "DATABASE_URL": fixture.database.url, "VECFILL_LEDGER": folder.file("ledger.db"),
        "XDG_STATE_HOME": folder.file("state"),
      ], workingFolder: folder.path)
  }

  /// Runs a printed script as somebody with psql would.
  private func run(_ script: String, on fixture: Fixture) async throws {
    let lines = script.split(separator: "\n").filter { !$0.hasPrefix("--") && $0 != "BEGIN;" && $0 != "COMMIT;" }
    for statement in lines.joined(separator: "\n").split(separator: ";\n") {
      try await fixture.database.run(String(statement))
    }
  }

  private static let filled = "UPDATE m SET embedding = '[1,2,3]'"
  private static let isThere = "SELECT to_regclass('idx_m_embedding_hnsw') IS NOT NULL"

  private func table(of rows: Int) async throws -> Fixture {
    let fixture = try await Fixture(.eighteen, .empty)
    try await fixture.database.run(
      """
      CREATE TABLE m (id int PRIMARY KEY, content text, kind text);
      INSERT INTO m SELECT i, 'text ' || i, 'user' FROM generate_series(1, \(rows)) i
      """)
    return fixture
  }

  /// Before the column is there and after; for all rows, and for some by a condition that speaks of the column itself.
  @Test(arguments: ["", "where: kind = 'user'", "where: embedding IS NULL"], [false, true])
  func `an index that waits for the load is handed over in comments, and stamp leaves it to the load`(
    _ condition: String, _ isMade: Bool
  ) async throws {
    let fixture = try await table(of: 2)
    let source = (["table: m"] + [condition]).filter { !$0.isEmpty }.joined(separator: ", ")
    try write("sources: [{\(source)}]\nindex: {when: after}")
    if isMade { try await fixture.database.run("CREATE EXTENSION vector; ALTER TABLE m ADD embedding vector(3)") }
    let reason = isMade ? "2 of 2 rows of m lack embedding" : "the rows of m lack embedding"
    #expect(
      try await migrate("plan", "job.yaml", on: fixture).output.contains(
        "0004_m_embedding_hnsw: waits for the load: \(reason)"))
    let sql = try await migrate("sql", "job.yaml", on: fixture)
    #expect(
      sql.output.contains(
        """
        -- 0004_m_embedding_hnsw up: run this after the load, or leave it to `vecfill run`: \(reason)
        -- CREATE INDEX CONCURRENTLY "idx_m_embedding_hnsw"
        """), "\(sql.output)\(sql.errors)")
    try await run(sql.output, on: fixture)
    #expect(try await fixture.database.value(Self.isThere) == "f")
    let stamped = try await migrate("stamp", "4", "job.yaml", on: fixture)
    #expect(stamped.code == 0, "\(stamped.errors)")
    #expect(
      stamped.output == """
        0001_vector_extension: recorded as applied
        0002_m_embedding: recorded as applied
        0003_m_embedding_missing: recorded as applied
        0004_m_embedding_hnsw: not recorded, it waits for the load: 2 of 2 rows of m lack embedding

        """)
    try await fixture.database.run(Self.filled)
    let late = try await migrate("sql", "job.yaml", on: fixture).output
    #expect(late.hasPrefix("-- 0004_m_embedding_hnsw up\nCREATE INDEX CONCURRENTLY"), "\(late)")
    let early = try await migrate("stamp", "4", "job.yaml", on: fixture)
    #expect(early.code == 78 && early.errors.contains("index idx_m_embedding_hnsw is missing"), "\(early.errors)")
    try await run(late, on: fixture)
    #expect(
      try await migrate("stamp", "4", "job.yaml", on: fixture).output == "0004_m_embedding_hnsw: recorded as applied\n")
    #expect(try await migrate("plan", "job.yaml", on: fixture).output == "nothing to apply\n")
  }

  @Test func `an empty table's index waits for nothing, and one that is rebuilt is no migration's`() async throws {
    let empty = try await table(of: 0)
    try write("sources: [{table: m}]\nindex: {when: after}")
    #expect(
      try await migrate("sql", "job.yaml", on: empty).output.contains(
        "\nCREATE INDEX CONCURRENTLY \"idx_m_embedding_hnsw\""))
    let full = try await table(of: 2)
    try write("sources: [{table: m}]\nindex: {when: rebuild}")
    #expect(try await !migrate("sql", "job.yaml", on: full).output.contains("hnsw"))
  }

  @Test func `a folder's own index waits in comments too, and is left to up`() async throws {
    let fixture = try await table(of: 2)
    let files = try Folder(ups: [
      "1_vector": "CREATE EXTENSION vector", "2_column": "ALTER TABLE m ADD COLUMN embedding vector(3)",
      "3_index": "-- vecfill: after-load m.embedding from content\nCREATE INDEX early ON m (embedding)",
    ])
    let sql = try await migrate("sql", "--migrations", files.path, on: fixture).output
    #expect(
      sql.contains(
        "-- 0003_index up: run this after the load, or leave it to `vecfill migrate up`: the rows of m lack"),
      "\(sql)")
    #expect(sql.contains("\n-- CREATE INDEX early ON m (embedding);") && !sql.contains("\nCREATE INDEX"), "\(sql)")
  }

  @Test(arguments: [
    ["up", "--to", "99"], ["sql", "--to", "99"], ["sql", "--down", "--to", "99"], ["down", "--to", "99", "--yes"],
    ["stamp", "99"],
  ])
  func `a version that doesn't exist is a wrong argument, and nothing is done`(_ arguments: [String]) async throws {
    let fixture = try await table(of: 1)
    try write("sources: [{table: m}]")
    for isMigrated in [false, true] {
      if isMigrated { #expect(try await migrate("up", "job.yaml", on: fixture).code == 0) }
      let before = try await fixture.catalogue()
      let exit = try await VecfillProcess.run(
        ["migrate"] + arguments + ["job.yaml"], environment: ["DATABASE_URL": fixture.database.url],
        workingFolder: folder.path)
      #expect(exit.code == 64, "\(exit.output)\(exit.errors)")
      #expect(exit.errors.contains("version 99: there is no such migration in job job"), "\(exit.errors)")
      #expect(exit.output == "")
      #expect(try await fixture.catalogue() == before)
    }
    #expect(try await migrate("up", "job.yaml", "--to", "2", on: fixture).code == 0)
    #expect(try await migrate("down", "job.yaml", "--to", "0", on: fixture).code == 0)
  }

  @Test func `what the job needs no more is removed in one word, and history with a job is that job's`() async throws {
    let fixture = try await table(of: 1)
    try write("sources: [{table: m, edits: clear}]")
    try write("sources: [{table: m, vector: other}]", to: "other.yaml")
    for job in ["job.yaml", "other.yaml"] { #expect(try await migrate("up", job, on: fixture).code == 0) }
    try write("sources: [{table: m}]")
    let plan = try await migrate("plan", "job.yaml", on: fixture).output
    #expect(plan == "0004_zz_vecfill_m_embedding_clear: would be removed\n")
    let up = try await migrate("up", "job.yaml", on: fixture)
    #expect(up.output == "removed 1 migration\n", "\(up.output)")
    #expect(up.errors.contains(#/0004_zz_vecfill_m_embedding_clear: removed in \d+ ms/#), "\(up.errors)")
    try write("sources: [{table: m, edits: digest}]")
    #expect(try await migrate("up", "job.yaml", on: fixture).code == 0)
    try write("sources: [{table: m, edits: clear}]")
    let both = try await migrate("up", "job.yaml", on: fixture)
    #expect(both.output.contains(#/^applied \d migrations?, removed \d migrations?\n$/#), "\(both.output)")
    let history = try await migrate("history", "job.yaml", on: fixture).output.split(separator: "\n")
    #expect(history.count > 5 && history.allSatisfy { $0.contains("  job job  ") }, "\(history)")
    #expect(try await migrate("history", on: fixture).output.contains("  job other  "))
  }
}
