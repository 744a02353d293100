import Backfill
import Migrations
import PgVector
import Postgres
import TestSupport
import Testing

/// What is not believed of a table that is called as vecfill's own is.
@Suite struct IndexTrustTests {
  typealias Life = IndexLifeTests

  static let own = """
    CREATE TABLE vecfill_index (
      table_name text NOT NULL, vector_column text NOT NULL, index_name text NOT NULL, definition text NOT NULL,
      tablespace text NOT NULL, comment text, recorded_at timestamptz NOT NULL DEFAULT now(),
      by text NOT NULL DEFAULT current_setting('application_name'), PRIMARY KEY (table_name, index_name));
    """

  static func row(_ definition: String, table: String = "public.messages", name: String = "forged") -> String {
    """
    INSERT INTO vecfill_index (table_name, vector_column, index_name, definition, tablespace)
    VALUES ('\(table)', 'embedding', '\(name)', $d$\(definition)$d$, '');
    """
  }

  static let honest = row("CREATE INDEX forged ON public.messages USING hnsw (embedding public.vector_cosine_ops)")

  static func names(_ fixture: Fixture) async throws -> [String?] {
    try await fixture.database.run("SELECT relname FROM pg_class WHERE relkind = 'i' AND relname = 'forged'").map {
      $0[0]
    }
  }

  @Test(arguments: [
    "DROP TABLE messages",
    "CREATE INDEX forged ON public.messages USING hnsw (embedding vector_cosine_ops); DROP TABLE messages",
    "CREATE INDEX forged ON public.others USING hnsw (embedding vector_cosine_ops)",
    "CREATE INDEX forged ON messages USING hnsw (embedding vector_cosine_ops)",
    "CREATE INDEX another ON public.messages USING hnsw (embedding vector_cosine_ops)",
    "CREATE UNIQUE INDEX forged ON public.messages (id)", "CREATE INDEX forged ON public.messages USING btree (id)",
    "CREATE INDEX forged ON public.messages (content)", "SELECT 'open", "", "-- nothing",
    "CREATE TABLE forged AS SELECT 1", "/* */ GRANT ALL ON messages TO PUBLIC",
  ])
  func `a definition that is not of a vector index of its table is told and never run`(_ definition: String)
    async throws
  {
    let fixture = try await Life.fixture(.eighteen, rows: 10)
    try await fixture.database.run(
      """
      CREATE TABLE others (id int, embedding vector(8)); \(Self.own) \(Self.row(definition))
      \(Self.row("CREATE INDEX good ON public.messages USING hnsw (embedding public.vector_l2_ops)", name: "good"))
      """)
    let before = try await fixture.catalogue()
    #expect(try await Life.life(fixture) { try await $0.restore() } == ["good"])
    #expect(
      fixture.lines.contain("warning: public.vecfill_index: the definition of forged is not that of a vector index"))
    let after = try await fixture.catalogue()
    #expect(after.filter { $0[1] != "good" } == before)
    #expect(after.count == before.count + 1)
    #expect(try await fixture.database.run("SELECT index_name FROM vecfill_index") == [["forged"]])
  }

  @Test(arguments: [
    "CREATE TABLE vecfill_index (table_name text, index_name text, definition text)",
    "CREATE VIEW vecfill_index AS SELECT 1 AS one",
    own + "ALTER TABLE vecfill_index ADD COLUMN more text",
    own + "ALTER TABLE vecfill_index ALTER COLUMN comment TYPE varchar(9)",
    own + "ALTER TABLE vecfill_index ADD CHECK (length(index_name) < 9)",
    own + "CREATE INDEX more ON vecfill_index (lower(index_name))",
    own + "ALTER TABLE vecfill_index ENABLE ROW LEVEL SECURITY",
    own
      + """
      CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER t BEFORE DELETE ON vecfill_index FOR EACH ROW EXECUTE FUNCTION f();
      """,
  ])
  func `a table that vecfill can't have made is ignored, and nothing is recorded in it`(_ sql: String) async throws {
    let fixture = try await Life.fixture(.sixteen)
    try await fixture.database.run(sql)
    if sql.hasPrefix(Self.own) { try await fixture.database.run(Self.honest) }
    #expect(try await Life.life(fixture) { try await $0.restore() } == [])
    #expect(fixture.lines.contain("warning: public.vecfill_index is not a table that vecfill made"))
    #expect(try await Self.names(fixture) == [])
    let failure = await #expect(throws: Failure.self) {
      try await Life.life(fixture) { try await $0.begin(.rebuild, Life.source, dimensions: 8) }
    }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains("rename or drop it") == true)
    #expect(try await Life.indexes(fixture).count == 1)
    #expect(try await fixture.migrating { try await $0.verify() } == [])
  }

  @Test func `a table of somebody who couldn't make the index himself is ignored`() async throws {
    let fixture = try await Life.fixture(.eighteen)
    let role = "forger_\(fixture.database.name)"
    try await fixture.database.run(
      """
      CREATE ROLE \(role); \(Self.own) \(Self.honest) ALTER TABLE vecfill_index OWNER TO \(role);
      GRANT ALL ON vecfill_index TO PUBLIC
      """)
    #expect(try await Life.life(fixture) { try await $0.restore() } == [])
    #expect(fixture.lines.contain("public.vecfill_index belongs to \(role), who doesn't own public.messages"))
    #expect(try await Life.life(fixture) { try await $0.away(Life.source) } == [])
    let failure = await #expect(throws: Failure.self) {
      try await Life.life(fixture) { try await $0.begin(.rebuild, Life.source, dimensions: 8) }
    }
    #expect(failure?.exitCode == .configuration)
    #expect(try await Life.indexes(fixture).count == 1)
    // Who may act for the table's owner is as good as he.
    try await fixture.database.run("ALTER TABLE messages OWNER TO \(role)")
    #expect(try await Life.life(fixture) { try await $0.restore() } == ["forged"])
    try await fixture.database.run("DROP OWNED BY \(role); DROP ROLE \(role)")
  }

  @Test func `an index of a table that is gone is told, and the others are put back`() async throws {
    let fixture = try await Life.fixture(.sixteen, rows: 10)
    try await fixture.database.run(
      "\(Self.own) \(Self.honest) \(Self.row("CREATE INDEX lost ON public.gone USING hnsw (e x)", table: "public.gone", name: "lost"))"
    )
    #expect(try await Life.life(fixture) { try await $0.restore() } == ["forged"])
    #expect(fixture.lines.contain("has index lost of public.gone to put back, and there is no such table"))
  }

  @Test(arguments: [
    ("ALTER TABLE messages RENAME TO chats", "public.chats", "public.messages", "public.chats"),
    ("ALTER SCHEMA public RENAME TO old; CREATE SCHEMA public", "old.messages", "public.", "old."),
  ])
  func
    `where a table was renamed while its index is away, the next run says so, and what it says brings the index back`(
      rename: String, table: String, former: String, present: String
    ) async throws
  {
    let fixture = try await Life.fixture(.sixteen)
    _ = try await Life.life(fixture) { try await $0.begin(.rebuild, Life.source, dimensions: 8) }
    try await fixture.database.run(rename)
    let parts = table.split(separator: ".").map(String.init)
    let source = Source(schema: parts[0], table: parts[1])
    #expect(try await Life.life(fixture) { try await $0.finish(.rebuild, source, dimensions: 8) } == [])
    #expect(fixture.lines.contain("vecfill_index has index mine of public.messages to put back"))
    try await fixture.database.run(
      """
      UPDATE \(parts[0]).vecfill_index SET table_name = '\(table)',
        definition = replace(definition, '\(former)', '\(present)')
      """)
    #expect(try await Life.life(fixture) { try await $0.restore() } == ["mine"])
    #expect(
      try await fixture.database.run("SELECT indisvalid FROM pg_index WHERE indexrelid = '\(parts[0]).mine'::regclass")
        == [["t"]])
  }

  @Test func `what is away is known from any connection, and a missing right leaves it open`() async throws {
    let fixture = try await Life.fixture(.eighteen)
    func known(_ url: String? = nil) async throws -> TableIndexes {
      let connection = try await PostgresConnection.connect(
        to: DatabaseURL(url ?? fixture.database.url), applicationName: "vecfill tests")
      let indexes = try await connection.run { connection in
        try TableIndexes(
          of: try connection.query("SELECT 'public.messages'::regclass::oid")[0][0] ?? "", isPartitioned: false,
          on: connection)
      }
      await connection.close()
      return indexes
    }
    #expect(try await known().present == ["mine"])
    #expect(try await !known().mayBeAway)
    _ = try await Life.life(fixture) { try await $0.begin(.rebuild, Life.source, dimensions: 8) }
    #expect(try await known().present == [])
    #expect(try await known().away == ["mine"])
    let role = "reader_\(fixture.database.name)"
    try await fixture.database.run("CREATE ROLE \(role) LOGIN; GRANT SELECT, UPDATE ON messages TO \(role)")
    let poor = try await known(fixture.database.url.replacing("postgres@", with: "\(role)@"))
    #expect(poor.isUnreadable && poor.mayBeAway && poor.away == [])
    _ = try await Life.life(fixture) { try await $0.restore() }
    #expect(try await !known().mayBeAway)
    try await fixture.database.run("DROP OWNED BY \(role); DROP ROLE \(role)")
  }
}
