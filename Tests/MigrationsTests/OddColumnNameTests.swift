import Backfill
import Migrations
import Postgres
import TestSupport
import Testing

/// Triggers on edits of tables whose names of columns mean something else in a trigger's function, and of texts that no
/// trigger can compute.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct OddColumnNameTests {
  /// What each trigger's function in PL/pgSQL has a variable of.
  static let variables = [
    "found", "new", "old", "tg_op", "tg_name", "tg_when", "tg_level", "tg_relid", "tg_table_name", "tg_table_schema",
    "tg_nargs", "tg_argv", "m", "sqlstate",
  ]

  static let texts: [@Sendable (String) throws -> SourceText] = [
    { .column($0) }, { .columns(["title", $0]) }, { .sql("upper(\($0.quotedIdentifier))") },
  ]

  @Test(arguments: variables, [Edits.clear, .digest])
  func `a text column may be called as a variable of the trigger's function`(_ name: String, _ edits: Edits)
    async throws
  {
    for text in Self.texts {
      let fixture = try await EditTriggerTests.filled(
        .eighteen,
        """
        CREATE TABLE m (id int PRIMARY KEY, title text DEFAULT 't', note text, \(name.quotedIdentifier) text,
          embedding vector(3));
        INSERT INTO m (id, \(name.quotedIdentifier)) SELECT i, 'text ' || i FROM generate_series(1, 3) i;
        """, Source(table: "m", text: try text(name)), edits)
      try await fixture.database.run(
        """
        \(EditTriggerTests.vectors)\(edits == .digest ? ", embedding_digest = '\\x01'" : "");
        UPDATE m SET \(name.quotedIdentifier) = 'edited' WHERE id = 1; UPDATE m SET note = 'n' WHERE id = 2
        """)
      let seen = edits == .clear ? "embedding IS NULL" : "octet_length(embedding_digest) = 0"
      #expect(try await fixture.database.run("SELECT id FROM m WHERE \(seen)") == [["1"]])
    }
  }

  static let unwatchable = ["content || tableoid::regclass::text", "upper(public.m.content)", "content || xmin::text"]

  @Test(arguments: unwatchable)
  func `a text that only the table can compute gets no trigger, and the plan says so`(_ text: String) async throws {
    let fixture = try await EditTriggerTests.filled(
      .eighteen, EditTriggerTests.plain, Source(table: "m", text: .sql(text)), .digest)
    #expect(fixture.lines.contain("a trigger can't compute its text"))
    #expect(try await fixture.database.value("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz_vecfill_%'") == "0")
    let refusal = await #expect(throws: Failure.self) {
      try await fixture.migrating(for: EditTriggerTests.job(Source(table: "m", text: .sql(text)), .clear)) {
        try await $0.up()
      }
    }
    #expect(refusal?.exitCode == .configuration)
  }

  /// Tables that lack a column which can't be made, or have one of no use, and what is said of it.
  static let hopeless: [(table: String, source: Source, reason: String)] = [
    (
      """
      CREATE TABLE t (id int PRIMARY KEY, content text, embedding vector(3)) PARTITION BY RANGE (id);
      CREATE TABLE m PARTITION OF t DEFAULT
      """, Source(table: "m"), "it is a partition, which gets no column of its own, and lacks embedding_digest"
    ),
    (
      """
      CREATE TABLE t (id int PRIMARY KEY, content text) PARTITION BY RANGE (id); CREATE TABLE m PARTITION OF t DEFAULT
      """, Source(table: "m"), "lacks embedding and embedding_digest"
    ),
    (
      "CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(3), embedding_digest text)",
      Source(table: "m"),
      "its column embedding_digest is there as text"
    ),
  ]

  @Test(arguments: hopeless)
  func `what can't be made is told before anything is`(_ hopeless: (table: String, source: Source, reason: String))
    async throws
  {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(hopeless.table)
    let refusal = await #expect(throws: Failure.self) {
      try await fixture.migrating(for: EditTriggerTests.job(hopeless.source, .digest)) { try await $0.up() }
    }
    #expect(refusal?.exitCode == .configuration)
    #expect(refusal?.reason.contains(hopeless.reason) == true, "\(refusal?.reason ?? "")")
    #expect(try await fixture.database.run("SELECT 1 FROM pg_class WHERE relname = 'vecfill_migration'") == [])
  }

  @Test(arguments: [
    ("CREATE PUBLICATION pb FOR TABLE m", true), ("CREATE PUBLICATION pb FOR ALL TABLES", true),
    ("CREATE PUBLICATION pb FOR TABLE m (id, content)", false), ("SELECT 1", false),
  ])
  func `a column that goes to subscribers is named before it is made`(_ published: String, _ isTold: Bool) async throws
  {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run("CREATE TABLE m (id int PRIMARY KEY, content text); \(published)")
    let job = EditTriggerTests.job(Source(table: "m"), .digest)
    _ = try await fixture.migrating(for: job) { try await $0.plan() }
    #expect(fixture.lines.contain("subscribers of pb: add embedding and embedding_digest") == isTold)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    let again = Fixture(fixture.database)
    _ = try await again.migrating(for: job) { try await $0.plan() }
    #expect(!again.lines.contain("subscribers"))
  }

  @Test func `an empty search path leaves the records in the job's schema`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE SCHEMA app; CREATE TABLE app.m (id int PRIMARY KEY, content text);
      DO $$ BEGIN EXECUTE format($q$ALTER DATABASE %I SET search_path = ''$q$, current_database()); END $$
      """)
    let job = EditTriggerTests.job(Source(schema: "app", table: "m"), .digest)
    #expect(try await fixture.migrating(for: job) { try await $0.up() }.count > 2)
    try await JobMigrationsTests.expectSettled(fixture, job)
    #expect(try await fixture.database.value("SELECT to_regclass('app.vecfill_migration')") == "app.vecfill_migration")
    _ = try await fixture.migrating(for: job) { try await $0.down(to: 0) }
    #expect(
      try await fixture.database.run(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'app.m'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1"
      )
        == [["content"], ["id"]])
  }

  @Test(arguments: [
    "CREATE TABLE vecfill_migration (id int)", "CREATE SEQUENCE vecfill_migration",
    "CREATE VIEW vecfill_migration AS SELECT 1 AS version",
  ])
  func `a thing of another's that is called as the table of records is named`(_ made: String) async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run("\(EditTriggerTests.plain) \(made)")
    let refusal = await #expect(throws: Failure.self) {
      try await fixture.migrating(for: EditTriggerTests.job(Source(table: "m"), .ignore)) { try await $0.up() }
    }
    #expect(refusal?.reason.contains("not vecfill's") == true, "\(refusal?.reason ?? "")")
  }

  @Test func `a plan needs no right to write`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      \(EditTriggerTests.plain)
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$
      """)
    let job = EditTriggerTests.job(Source(table: "m"), .digest)
    #expect(try await fixture.migrating(for: job) { try await $0.plan().steps.count } > 2)
  }

  @Test func `an event trigger's refusal is a matter of the database's setup`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      \(EditTriggerTests.plain)
      CREATE FUNCTION frozen() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'frozen'; END $$;
      CREATE EVENT TRIGGER frozen ON ddl_command_start WHEN TAG IN ('CREATE INDEX', 'ALTER TABLE') EXECUTE FUNCTION frozen()
      """)
    let refusal = await #expect(throws: Failure.self) {
      try await fixture.migrating(for: EditTriggerTests.job(Source(table: "m"), .digest)) { try await $0.up() }
    }
    #expect(refusal?.exitCode == .configuration)
    #expect(refusal?.remedy?.contains("event triggers") == true)
  }
}
