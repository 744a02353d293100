import Backfill
import Foundation
import Migrations
import Postgres
import TestSupport
import Testing

/// The triggers that `migrate up` makes of a job with `edits`.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct EditTriggerTests {
  static func job(_ source: Source, _ edits: Edits) -> Job {
    var source = source
    source.edits = edits
    return JobMigrationsTests.job(source, dimensions: 3, index: .keep)
  }

  static func filled(_ major: PostgresCluster.Major, _ table: String, _ source: Source, _ edits: Edits) async throws
    -> Fixture
  {
    let fixture = try await Fixture(major, .empty, pgvector: true)
    try await fixture.database.run(table)
    let job = job(source, edits)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    try await JobMigrationsTests.expectSettled(fixture, job)
    return fixture
  }

  static let plain = """
    CREATE TABLE m (id int PRIMARY KEY, title text DEFAULT 't', content text, note text, embedding vector(3));
    INSERT INTO m (id, content) SELECT i, 'text ' || i FROM generate_series(1, 3) i;
    """
  static let vectors = "UPDATE m SET embedding = '[1,2,3]'"

  /// What a writer does to row 1, and what its vector is then.
  static let writes: [(sql: String, vector: String?)] = [
    ("UPDATE m SET content = 'other' WHERE id = 1", nil),
    ("UPDATE m SET content = NULL WHERE id = 1", nil),
    ("UPDATE m SET content = 'TEXT 1' WHERE id = 1", nil),
    ("UPDATE m SET content = content || ' ' WHERE id = 1", nil),
    ("UPDATE m SET content = content, note = 'n' WHERE id = 1", "[1,2,3]"),
    ("UPDATE m SET note = 'n' WHERE id = 1", "[1,2,3]"),
    ("UPDATE m SET id = 9, note = '1' WHERE id = 1", "[1,2,3]"),
    // An ORM that saves all columns gives the old vector with the new text.
    ("UPDATE m SET content = 'other', embedding = '[1,2,3]' WHERE id = 1", nil),
    ("UPDATE m SET content = 'other', embedding = '[3,2,1]' WHERE id = 1", "[3,2,1]"),
    ("UPDATE m SET embedding = '[3,2,1]' WHERE id = 1", "[3,2,1]"),
    ("UPDATE m SET content = 'other', embedding = NULL WHERE id = 1", nil),
    ("INSERT INTO m (id, content) VALUES (1, 'other') ON CONFLICT (id) DO UPDATE SET content = excluded.content", nil),
  ]

  @Test(arguments: PostgresCluster.Major.allCases, writes)
  func `an edited text takes its vector along, whoever edits it, unless a new one comes with it`(
    _ major: PostgresCluster.Major, _ write: (sql: String, vector: String?)
  ) async throws {
    let fixture = try await Self.filled(major, Self.plain, Source(table: "m"), .clear)
    try await fixture.database.run("\(Self.vectors); \(write.sql)")
    let found = try await fixture.database.run("SELECT id, embedding FROM m ORDER BY id NOT IN (1, 9), id")
    #expect(found.map { $0[1] } == [write.vector, "[1,2,3]", "[1,2,3]"])
  }

  /// Tables whose rows are edited by `UPDATE m SET content = 'TEXT 1' WHERE id = 1`.
  static let tables: [(table: String, source: Source)] = [
    (
      """
      CREATE TABLE m (id int, day date DEFAULT '2026-01-05', content text, embedding vector(3), PRIMARY KEY (id, day))
        PARTITION BY RANGE (day);
      CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (id);
      CREATE TABLE m_1_1 PARTITION OF m_1 FOR VALUES IN (1);
      INSERT INTO m (id, content) VALUES (1, 'text 1');
      """, Source(table: "m", keys: ["id", "day"])
    ),
    (
      """
      CREATE TABLE m (id int PRIMARY KEY, content text, embedding vector(3)); CREATE SCHEMA other;
      CREATE TABLE other."Heir" (PRIMARY KEY (id)) INHERITS (m); INSERT INTO other."Heir" VALUES (1, 'text 1');
      """, Source(table: "m")
    ),
    (
      """
      CREATE SCHEMA "My App"; SET search_path = "My App", public;
      CREATE TABLE m (id int PRIMARY KEY, "The ""Text"" is" text, "Vec" vector(3));
      INSERT INTO m VALUES (1, 'text 1');
      CREATE VIEW public.m AS SELECT id, "The ""Text"" is" AS content, "Vec" AS embedding FROM m;
      """, Source(schema: "My App", table: "m", text: "The \"Text\" is", vector: "Vec")
    ),
    (
      """
      CREATE TABLE m (id int PRIMARY KEY, content varchar(80), embedding vector); INSERT INTO m VALUES (1, 'text 1');
      """, Source(table: "m")
    ),
    (
      """
      CREATE TABLE m (id int PRIMARY KEY, raw text, content text, embedding halfvec(3));
      CREATE FUNCTION derive() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.content := coalesce(NEW.raw, NEW.content); RETURN NEW; END $$;
      CREATE TRIGGER zeta BEFORE UPDATE ON m FOR EACH ROW EXECUTE FUNCTION derive();
      INSERT INTO m VALUES (1, NULL, 'text 1');
      """, Source(table: "m")
    ),
    (
      """
      CREATE TABLE m (id int PRIMARY KEY, title text, content varchar(80), embedding vector(3));
      INSERT INTO m VALUES (1, NULL, 'text 1');
      """, Source(table: "m", text: .columns(["title", "content"]))
    ),
    (
      """
      CREATE FUNCTION shown(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce($1, '') || '.' $$;
      CREATE TABLE m (id int PRIMARY KEY, payload json, content text, embedding vector(3));
      INSERT INTO m VALUES (1, '{"a": 1}', 'text 1');
      """, Source(table: "m", text: .sql("shown(m.content) || (payload->>'a')::int -- both"))
    ),
  ]

  @Test(arguments: PostgresCluster.Major.allCases, tables)
  func `every kind of table and of text column has it`(
    _ major: PostgresCluster.Major, _ kind: (table: String, source: Source)
  ) async throws {
    let fixture = try await Self.filled(major, kind.table, kind.source, .clear)
    try await fixture.database.run(Self.vectors)
    #expect(try await fixture.database.value("SELECT embedding FROM m") == "[1,2,3]")
    let hasRaw = kind.table.contains("raw")
    // The text that another trigger makes of another column is seen too.
    try await fixture.database.run(
      hasRaw ? "UPDATE m SET raw = 'TEXT 1' WHERE id = 1" : "UPDATE m SET content = 'TEXT 1' WHERE id = 1")
    #expect(try await fixture.database.run("SELECT embedding FROM m") == [[nil]])
    let job = Self.job(kind.source, .clear)
    _ = try await fixture.migrating(for: job) { try await $0.down(to: 0) }
    #expect(try await Self.leftovers(fixture) == "0")
  }

  private static func leftovers(_ fixture: Fixture) async throws -> String? {
    try await fixture.database.value(
      """
      SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz_vecfill_%')
        + (SELECT count(*) FROM pg_proc WHERE proname LIKE 'zz_vecfill_%')
      """)
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `a writer with no more rights than to the table sets it off, whatever its search path`(
    _ major: PostgresCluster.Major
  ) async throws {
    let fixture = try await Self.filled(major, Self.plain, Source(table: "m"), .clear)
    let role = "writer_\(UInt32.random(in: 0 ... .max))"
    try await fixture.database.run(
      """
      \(Self.vectors); CREATE ROLE \(role); GRANT SELECT, UPDATE (content) ON m TO \(role);
      REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO \(role);
      REVOKE ALL ON FUNCTION zz_vecfill_m_embedding_clear() FROM PUBLIC;
      SET ROLE \(role); SET search_path = ''; UPDATE public.m SET content = 'other' WHERE id = 1;
      RESET ROLE; RESET search_path; DROP OWNED BY \(role); DROP ROLE \(role)
      """)
    #expect(try await fixture.database.run("SELECT id FROM m WHERE embedding IS NULL") == [["1"]])
  }

  @Test(arguments: [
    "ALTER TABLE m DISABLE TRIGGER zz_vecfill_m_embedding_clear",
    "ALTER TABLE m ENABLE REPLICA TRIGGER zz_vecfill_m_embedding_clear",
    "DROP TRIGGER zz_vecfill_m_embedding_clear ON m",
    """
    DROP TRIGGER zz_vecfill_m_embedding_clear ON m; CREATE TRIGGER zz_vecfill_m_embedding_clear BEFORE UPDATE ON m
    FOR EACH ROW WHEN (false) EXECUTE FUNCTION zz_vecfill_m_embedding_clear()
    """,
    """
    CREATE OR REPLACE FUNCTION zz_vecfill_m_embedding_clear() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RETURN NEW; END $$
    """,
    // As an earlier version made it.
    """
    DO $$ BEGIN EXECUTE replace(pg_get_functiondef('zz_vecfill_m_embedding_clear'::regproc),
      '#variable_conflict use_column', ''); END $$
    """,
    "DROP TRIGGER zz_vecfill_m_embedding_clear ON m; DROP FUNCTION zz_vecfill_m_embedding_clear()",
  ])
  func `one that is switched off, gone or another is told by verify and made anew by up`(_ change: String) async throws
  {
    let fixture = try await Self.filled(.eighteen, Self.plain, Source(table: "m"), .clear)
    let job = Self.job(Source(table: "m"), .clear)
    try await fixture.database.run("\(Self.vectors); \(change)")
    try await fixture.migrating(for: job) { (migrator) async throws in
      #expect(try await migrator.verify().contains { $0.contains("zz_vecfill_m_embedding_clear") })
      #expect(try await migrator.up().map(\.name) == ["zz_vecfill_m_embedding_clear"])
    }
    try await JobMigrationsTests.expectSettled(fixture, job)
    try await fixture.database.run("UPDATE m SET content = 'other' WHERE id = 1")
    #expect(try await fixture.database.run("SELECT id FROM m WHERE embedding IS NULL") == [["1"]])
  }

  @Test func `a job that no longer says so loses the trigger, and nothing else`() async throws {
    let fixture = try await Self.filled(.sixteen, Self.plain, Source(table: "m"), .clear)
    try await fixture.database.run(Self.vectors)
    let without = Self.job(Source(table: "m"), .ignore)
    try await fixture.migrating(for: without) { (migrator) async throws in
      #expect(try await migrator.verify().contains { $0.contains("is withdrawn") })
      #expect(try await migrator.up().map(\.name) == ["zz_vecfill_m_embedding_clear"])
    }
    try await JobMigrationsTests.expectSettled(fixture, without)
    #expect(try await Self.leftovers(fixture) == "0")
    #expect(try await fixture.database.value("SELECT count(embedding) FROM m") == "3")
  }

  /// What a writer does to a row whose text is an expression, and whether it is an edit.
  static let expressions: [(sql: String, isEdit: Bool)] = [
    ("UPDATE m SET payload = '{\"a\": 2, \"b\": 1}'", true),
    ("UPDATE m SET payload = '{\"b\": 2, \"a\": 1}'", false),
    ("UPDATE m SET note = 'n'", false),
    // It fails for the new value, and the application writes all the same.
    ("UPDATE m SET payload = '{\"a\": \"no number\"}'", true),
    ("SET search_path = ''; UPDATE public.m SET payload = '{\"a\": 3}'", true),
  ]

  @Test(arguments: PostgresCluster.Major.allCases, [Edits.clear, .digest])
  func `a text that is an expression is compared as a whole, and what it fails with stops no writer`(
    _ major: PostgresCluster.Major, _ edits: Edits
  ) async throws {
    let table = """
      CREATE FUNCTION shown(int) RETURNS text LANGUAGE sql AS $$ SELECT 'a ' || $1 $$;
      CREATE TABLE m (id int PRIMARY KEY, payload jsonb, note text, embedding vector(3));
      INSERT INTO m VALUES (1, '{"a": 1, "b": 1}');
      """
    let source = Source(table: "m", text: .sql("shown((payload->>'a')::int)"))
    let fixture = try await Self.filled(major, table, source, edits)
    let isSeen = edits == .clear ? "embedding IS NULL" : "embedding IS NOT NULL AND octet_length(embedding_digest) = 0"
    for (sql, isEdit) in Self.expressions {
      try await fixture.database.run(
        """
        \(Self.vectors); UPDATE m SET payload = '{"a": 1, "b": 1}'; \(Self.vectors)
        \(edits == .digest ? ", embedding_digest = 'x'" : "")
        """)
      try await fixture.database.run(sql)
      #expect(try await fixture.database.value("SELECT \(isSeen) FROM m") == (isEdit ? "t" : "f"), "\(sql)")
    }
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `a writer who gives vector and digest anew is believed`(_ major: PostgresCluster.Major) async throws {
    let fixture = try await Self.filled(major, Self.plain, Source(table: "m"), .digest)
    let writes: [(sql: String, vector: String?, digest: String?)] = [
      ("content = 'new'", "[1,2,3]", ""), ("content = 'new', embedding = '[1,2,3]'", "[1,2,3]", ""),
      ("content = 'new', embedding = '[3,2,1]'", "[3,2,1]", nil),
      ("content = 'new', embedding = '[3,2,1]', embedding_digest = '\\x02'", "[3,2,1]", "02"),
      ("embedding = '[3,2,1]'", "[3,2,1]", "01"), ("content = 'new', embedding = NULL", nil, nil),
      ("content = E' \\n'", nil, nil), ("content = NULL", nil, nil), ("note = 'n'", "[1,2,3]", "01"),
    ]
    for (sql, vector, digest) in writes {
      try await fixture.database.run(
        """
        UPDATE m SET embedding = NULL WHERE id = 1; UPDATE m SET content = 'old' WHERE id = 1;
        UPDATE m SET embedding = '[1,2,3]', embedding_digest = '\\x01' WHERE id = 1; UPDATE m SET \(sql) WHERE id = 1
        """)
      let found = try await fixture.database.run(
        "SELECT embedding, encode(embedding_digest, 'hex') FROM m WHERE id = 1")
      #expect(found == [[vector, digest]], "\(sql)")
    }
  }

  @Test func `a generated text is refused before anything is done`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(
      "CREATE TABLE m (id int PRIMARY KEY, a text, content text GENERATED ALWAYS AS (lower(a)) STORED)")
    let error = await #expect(throws: Failure.self) {
      try await fixture.migrating(for: Self.job(Source(table: "m"), .clear)) { try await $0.up() }
    }
    #expect(error?.reason.contains("generated") == true)
    #expect(try await Self.leftovers(fixture) == "0")
  }

  @Test func `the application works on while the trigger waits for its lock`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: true)
    try await fixture.database.run(Self.plain)
    let job = Self.job(Source(table: "m"), .clear)
    // All but the trigger.
    _ = try await fixture.migrating(for: Self.job(Source(table: "m"), .ignore)) { try await $0.up() }
    let hold = try Hold("UPDATE m SET note = 'held' WHERE id = 2", on: fixture.database.url)
    async let applied = fixture.migrating(for: job) { try await $0.up() }
    while !fixture.lines.contain("waits for a lock") { try await Task.sleep(for: .milliseconds(20)) }
    // A writer that comes later waits no longer than an attempt does.
    try await fixture.database.run("SET statement_timeout = '5s'; UPDATE m SET note = 'passed' WHERE id = 1")
    hold.release()
    #expect(try await applied.contains { $0.name == "zz_vecfill_m_embedding_clear" })
  }
}

/// The same on SQLite.
@Suite struct SQLiteEditTriggerTests {
  static func migrating<Value>(_ file: SQLiteFile, _ job: Job, _ body: (Migrator) async throws -> Value) async throws
    -> Value
  {
    let database = try SQLiteMigrations(path: file.path, identity: "sqlite", applicationName: "tests")
    return try await database.closing { database in
      try await body(Migrator(database, try await JobMigrations(job, database).set) { _ in })
    }
  }

  static let tables = [
    "CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT, note TEXT, embedding VECTOR(3))",
    "CREATE TABLE m (id TEXT PRIMARY KEY, content TEXT, note TEXT, embedding BLOB) WITHOUT ROWID",
    "CREATE TABLE m (id, content TEXT COLLATE NOCASE, note TEXT, embedding JSON, rowid TEXT, UNIQUE (id))",
  ]

  static let writes = EditTriggerTests.writes.map { write in
    (sql: write.sql.replacing("content || ' '", with: "content || char(9)"), vector: write.vector)
  }

  @Test(arguments: tables, writes)
  func `an edited text takes its vector along, whoever edits it, unless a new one comes with it`(
    _ table: String, _ write: (sql: String, vector: String?)
  ) async throws {
    let file = try SQLiteFile()
    try await file.run(
      "\(table); INSERT INTO m (id, content) VALUES (1, 'text 1'), (2, 'text 2'), (3, 'text 3')")
    let job = EditTriggerTests.job(Source(table: "m"), .clear)
    _ = try await Self.migrating(file, job) { try await $0.up() }
    try await Self.migrating(file, job) { (migrator) async throws in
      #expect(try await migrator.up() == [])
      #expect(try await migrator.verify() == [])
    }
    try await file.run("\(EditTriggerTests.vectors); \(write.sql)")
    let found = try await file.run("SELECT CAST(embedding AS TEXT) FROM m ORDER BY id NOT IN (1, 9), id")
    #expect(found.map { $0[0] } == [write.vector, "[1,2,3]", "[1,2,3]"])
    _ = try await Self.migrating(file, job) { try await $0.down(to: 0) }
    #expect(try await file.run("SELECT name FROM sqlite_master WHERE type = 'trigger'") == [])
  }

  @Test func `one that is gone or another is made anew`() async throws {
    let file = try SQLiteFile()
    try await file.run("\(Self.tables[0]); INSERT INTO m (id, content, embedding) VALUES (1, 'text 1', '[1,2,3]')")
    let job = EditTriggerTests.job(Source(table: "m"), .clear)
    _ = try await Self.migrating(file, job) { try await $0.up() }
    for change in [
      "DROP TRIGGER zz_vecfill_m_embedding_clear",
      """
      DROP TRIGGER zz_vecfill_m_embedding_clear;
      CREATE TRIGGER zz_vecfill_m_embedding_clear AFTER UPDATE ON m BEGIN SELECT 1; END
      """,
    ] {
      try await file.run(change)
      try await Self.migrating(file, job) { (migrator) async throws in
        #expect(try await migrator.up().map(\.name) == ["zz_vecfill_m_embedding_clear"])
        #expect(try await migrator.verify() == [])
      }
    }
    try await file.run("UPDATE m SET content = 'other'")
    #expect(try await file.run("SELECT embedding FROM m") == [[nil]])
  }
}
