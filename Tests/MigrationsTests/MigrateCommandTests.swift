import Backfill
import Foundation
import Ledger
import Migrations
import TestSupport
import Testing

/// `vecfill migrate` as a person runs it.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct MigrateCommandTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  func migrate(_ arguments: String..., on url: String, migrations: String = Fixture.shipped) async throws
    -> VecfillProcess.Exit
  {
    try await VecfillProcess.run(
      ["migrate"] + arguments + (migrations.isEmpty ? [] : ["--migrations", migrations]),
      environment: [
        "DATABASE_URL": url, "VECFILL_LEDGER": folder.file("ledger.db"), "XDG_STATE_HOME": folder.file("state"),
      ], workingFolder: folder.path)
  }

  @Test func `what ships is found beside the executable, and each command tells what it did`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let url = fixture.database.url
    let pending = try await migrate("status", on: url, migrations: "")
    #expect(pending.code == 0, "\(pending.errors)")
    #expect(pending.output.contains("0001_was_truncated                            pending"))
    let sql = try await migrate("sql", on: url)
    #expect(
      sql.output.contains("BEGIN;\nALTER TABLE chat_messages ADD COLUMN was_truncated boolean NOT NULL DEFAULT false;"))
    #expect(try await fixture.database.value("SELECT to_regclass('vecfill_migration')") == nil)
    #expect(try await migrate("up", on: url).output.contains("applied 7 migrations"))
    #expect(try await migrate("verify", on: url).code == 0)
    #expect(try await migrate("plan", on: url).output == "nothing to apply\n")
    let history = try await migrate("history", on: url).output.split(separator: "\n")
    #expect(history.count == 7)
    #expect(history[0].contains("  up  1 was_truncated  vecfill migrate "))
  }

  @Test func `each command works with pgvector in a schema off the search path`() async throws {
    let fixture = try await Fixture(.sixteen, .beforeVectors)
    let (database, url) = (fixture.database, fixture.database.url)
    try await database.run("CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions")
    #expect(try await migrate("plan", on: url).output.contains("0003_embedding_columns: would be applied"))
    #expect(try await migrate("sql", on: url).code == 0)
    let up = try await migrate("up", on: url)
    #expect(up.code == 0, "\(up.errors)")
    for command in ["status", "verify", "plan", "history", "restore", "up"] {
      let exit = try await migrate(command, on: url, migrations: command == "restore" ? "" : Fixture.shipped)
      #expect(exit.code == 0, "\(command): \(exit.errors)\(exit.output)")
    }
    // What vecfill itself set on its connections is gone with them.
    #expect(
      try await database.value(
        "SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"
      ) == "0")
    try await database.run("DELETE FROM vecfill_migration")
    let stamp = try await migrate("stamp", "7", on: url)
    #expect(stamp.code == 0, "\(stamp.errors)")
    #expect(try await migrate("verify", on: url).code == 0)
    try await database.run("ALTER EXTENSION vector SET SCHEMA public")
    #expect(try await migrate("verify", on: url).code == 0)
    #expect(try await migrate("down", "--to", "0", "--yes", on: url).code == 0)
  }

  @Test func `what the schema lost since is found by verify`() async throws {
    let fixture = try await Fixture(.sixteen, .beforeVectors)
    try await fixture.migrating { _ = try await $0.up() }
    try await fixture.database.run(
      """
      ALTER TABLE chat_messages DROP COLUMN was_truncated; DROP INDEX idx_standalone_messages_embedding;
      CREATE INDEX idx_standalone_messages_embedding ON standalone_chat_messages (id);
      """)
    let exit = try await migrate("verify", on: fixture.database.url)
    #expect(exit.code == 78)
    #expect(exit.output.contains("0001_was_truncated: column chat_messages.was_truncated is missing"))
    #expect(
      exit.output.contains(
        "0007_standalone_chat_messages_embedding_hnsw: index idx_standalone_messages_embedding is another"))
  }

  @Test func `vectors are only dropped with --yes, and their number and cost are told`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let database = fixture.database
    try await fixture.migrating { _ = try await $0.up() }
    try await database.run(
      """
      INSERT INTO standalone_chat_messages (role, content, embedding)
        SELECT 'user', 'x', array_fill(0.5, ARRAY[1536])::vector FROM generate_series(1, 1234)
      """)
    try await pay(for: database)
    let refused = try await migrate("down", "--to", "2", on: database.url)
    #expect(refused.code == 64)
    #expect(refused.errors.contains("drops 1,234 values of standalone_chat_messages.embedding, which cost $0.0247"))
    #expect(try await database.value("SELECT count(embedding) FROM standalone_chat_messages") == "1234")
    let exit = try await migrate("down", "--to", "2", "--yes", on: database.url)
    #expect(exit.code == 0, "\(exit.errors)")
    #expect(exit.output == "reverted 5 migrations\n")
  }

  /// A ledger that tells of one paid request.
  private func pay(for database: PostgresDatabase) async throws {
    let ledger = try Ledger.open(at: folder.file("ledger.db"))
    let job = Job(
      name: "job", sources: [Source(table: "standalone_chat_messages")],
      model: Model(name: "text-embedding-3-small", dimensions: 1536, usdPerMillionTokens: 0.02))
    let identity = "postgresql://127.0.0.1:\(database.port)/\(database.name)"
    let column = LedgerColumn(
      source: job.sources[0], identity: ColumnIdentity(database: "db", column: "column"),
      fingerprint: job.fingerprint(of: job.sources[0]), isProven: true)
    let begun = try await ledger.begin(job, on: identity, columns: [column], at: Date())
    let contents = Batch.Contents(inputs: [Input(texts: ["x"], tokens: [1_234_000], isExact: true)], rows: [])
    let batch = Batch(id: BatchID(run: begun.id, number: 1), source: 0, page: 0, contents: contents)
    try await ledger.requested(batch, target: begun.targets[0], reservation: nil)
    let vectors = try #require(Vectors(littleEndian: Data(count: 4 * 1536), dimensions: 1536))
    let reply = EmbeddingReply(vectors: vectors, billedTokens: 1_234_000)
    try await ledger.received(reply, to: batch, target: begun.targets[0], cost: 0.0247, at: Date())
  }

  @Test func `edited, missing and out-of-order files stop it until they are mended`() async throws {
    let fixture = try await Fixture(.sixteen, .empty)
    let url = fixture.database.url
    let files = try Folder(ups: ["1_a": "CREATE TABLE a (id int)", "3_c": "CREATE TABLE c (id int)"])
    func up(_ arguments: String...) async throws -> VecfillProcess.Exit {
      try await VecfillProcess.run(
        ["migrate", "up", "--migrations", files.path] + arguments, environment: ["DATABASE_URL": url])
    }
    #expect(try await up().code == 0)
    try files.write("CREATE TABLE b (id int)", to: "2_b.up.sql")
    let outOfOrder = try await up()
    #expect(outOfOrder.code == 78)
    #expect(outOfOrder.errors.contains("0002_b is pending though 0003_c is applied"))
    #expect(try await up("--out-of-order").code == 0)
    try files.write("CREATE TABLE a (id bigint)", to: "1_a.up.sql")
    try files.remove("3_c.up.sql")
    try files.remove("3_c.down.sql")
    let edited = try await up()
    #expect(edited.code == 78)
    #expect(edited.errors.contains("0003_c is applied and its file is missing; 0001_a was edited after it was applied"))
    let stamped = try await migrate("stamp", "3", on: url, migrations: files.path)
    #expect(stamped.output == "0001_a: recorded as applied\n0003_c: forgotten\n")
    #expect(try await up().output == "nothing to apply\n")
    #expect(try await fixture.database.value("SELECT to_regclass('c')") == "c")
  }

  @Test func `a new migration has the next number, and a failing one names its SQLSTATE and leaves nothing`()
    async throws
  {
    let fixture = try await Fixture(.eighteen, .empty)
    let files = try Folder(ups: ["1_a": "CREATE TABLE a (id int)"])
    let made = try await VecfillProcess.run(["migrate", "new", "Add: language!", "--migrations", files.path])
    #expect(made.output.contains("/0002_add_language.up.sql"))
    try files.write("CREATE TABLE b (id int); CREATE TABLE a (id int);", to: "0002_add_language.up.sql")
    let exit = try await migrate("up", on: fixture.database.url, migrations: files.path)
    #expect(exit.code == 78)
    #expect(exit.errors.contains("0002_add_language: relation \"a\" already exists (SQLSTATE 42P07)"))
    #expect(try await fixture.states() == [["1", "applied", "done"]])
    #expect(try await fixture.database.value("SELECT to_regclass('b')") == nil)
  }
}
