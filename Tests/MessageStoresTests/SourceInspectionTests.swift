import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// A source that can't be filled: how the database is, and what is said of it.
struct Refusal: CustomTestStringConvertible {
  let testDescription: String
  let script: String
  var source = Source(table: "messages")
  var dimensions = 3
  var exitCode = ExitCode.configuration
  let subject: String
  let reason: String
  /// Words of what to do next.
  let remedy: String

  init(
    _ name: String, _ script: String, source: Source = Source(table: "messages"), dimensions: Int = 3,
    exitCode: ExitCode = .configuration, subject: String, reason: String, remedy: String = ""
  ) {
    testDescription = name
    self.remedy = remedy
    (self.script, self.source, self.dimensions) = (script, source, dimensions)
    (self.exitCode, self.subject, self.reason) = (exitCode, subject, reason)
  }

  func check(on fixture: StoreFixture, url: String? = nil) async throws {
    try await fixture.run(script)
    let store = try await DatabaseURL(url ?? fixture.url).openMessageStore(applicationName: "vecfill tests")
    let failure = await #expect(throws: Failure.self) { try await store.inspect(source, dimensions: dimensions) }
    #expect(failure?.exitCode == exitCode)
    #expect(failure?.subject == subject)
    #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "")")
    #expect(remedy.isEmpty || failure?.remedy?.contains(remedy) == true, "\(failure?.remedy ?? "")")
    await store.close()
  }

  static let postgres: [Refusal] = [
    Refusal("no table", "", subject: "messages", reason: "no such table"),
    Refusal(
      "a table off the search path", "CREATE SCHEMA s; CREATE TABLE s.messages (id int)", subject: "messages",
      reason: "no such table"),
    Refusal("a view", "CREATE VIEW messages AS SELECT 1 AS id", subject: "messages", reason: "a view"),
    Refusal(
      "a materialized view", "CREATE MATERIALIZED VIEW messages AS SELECT 1 AS id", subject: "messages",
      reason: "a view"),
    Refusal("no key column", "CREATE TABLE messages (n int)", subject: "messages", reason: "it has no primary key"),
    Refusal(
      "no text column", "CREATE TABLE messages (id int PRIMARY KEY)", subject: "messages.content",
      reason: "no such column"),
    Refusal(
      "no vector column", "CREATE TABLE messages (id int PRIMARY KEY, content text)", subject: "messages.embedding",
      reason: "no such column"),
    Refusal(
      "a key that is not unique", "CREATE TABLE messages (id int NOT NULL, content text, embedding vector(3))",
      subject: "messages", reason: "it has no primary key"),
    Refusal(
      "a key that may be NULL", "CREATE TABLE messages (id int UNIQUE, content text, embedding vector(3))",
      subject: "messages", reason: "it has no primary key"),
    Refusal(
      "a part of a key of two columns",
      "CREATE TABLE messages (id int, n int, content text, embedding vector(3), PRIMARY KEY (id, n))",
      source: Source(table: "messages", keys: ["n"]), subject: "messages.n", reason: "not the table's key"),
    Refusal(
      "more columns than the key has",
      "CREATE TABLE messages (id int PRIMARY KEY, n int NOT NULL, content text, embedding vector(3))",
      source: Source(table: "messages", keys: ["id", "n"]), subject: "messages.id, n", reason: "not the table's key"),
    Refusal(
      "a key that is unique in part",
      """
      CREATE TABLE messages (id int NOT NULL, content text, embedding vector(3));
      CREATE UNIQUE INDEX ON messages (id) WHERE content IS NOT NULL
      """, subject: "messages", reason: "it has no primary key"),
    Refusal(
      "a key by an expression",
      """
      CREATE TABLE messages (id text NOT NULL, content text, embedding vector(3));
      CREATE UNIQUE INDEX ON messages (lower(id))
      """, subject: "messages", reason: "it has no primary key"),
    Refusal(
      "a text column that holds JSON", "CREATE TABLE messages (id int PRIMARY KEY, content jsonb, embedding vector(3))",
      subject: "messages.content", reason: "it holds jsonb, not text",
      remedy: #"write text: "{content}" in the job, or"#),
    Refusal(
      "a text column that holds numbers",
      "CREATE TABLE messages (id int PRIMARY KEY, content numeric(5, 2), embedding vector(3))",
      subject: "messages.content", reason: "it holds numeric(5,2), not text", remedy: #"write text: "{content}""#),
    Refusal(
      "a text column that holds bytes",
      "CREATE TABLE messages (id int PRIMARY KEY, content bytea, embedding vector(3))",
      subject: "messages.content", reason: "it holds bytea, not text", remedy: "or write text: {sql: ...} with a cast"),
    Refusal(
      "an array for a vector column",
      "CREATE TABLE messages (id int PRIMARY KEY, content text, embedding real[])", subject: "messages.embedding",
      reason: "not vectors"),
    Refusal(
      "a bit vector", "CREATE TABLE messages (id int PRIMARY KEY, content text, embedding bit(3))",
      subject: "messages.embedding", reason: "not vectors"),
    Refusal(
      "another dimension", "CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(1536))",
      dimensions: 3072, subject: "messages.embedding", reason: "1536 dimensions, the job's have 3072",
      remedy: "set dimensions: 1536 and the model that made them, or name a new column with vector: in the job and run"),
    Refusal(
      "another dimension in a column that declares none",
      """
      CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector);
      INSERT INTO messages VALUES (1, 'x', NULL), (2, 'y', '[1,2]')
      """, subject: "messages.embedding", reason: "2 dimensions, the job's have 3"),
    Refusal(
      "a generated vector column",
      """
      CREATE TABLE messages (id int PRIMARY KEY, content text,
        embedding vector(3) GENERATED ALWAYS AS ('[1,2,3]'::vector(3)) STORED)
      """, subject: "messages.embedding", reason: "generated"),
    Refusal(
      "a condition that is no SQL",
      "CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3))",
      source: Source(table: "messages", condition: "nonsense = 1"), subject: "messages", reason: "nonsense"),
    Refusal(
      "a foreign schema", "", source: Source(schema: "elsewhere", table: "messages"), subject: "elsewhere.messages",
      reason: "no such table"),
  ]
}

@Suite struct SourceInspectionTests {
  @Test func `what PostgreSQL can't page or fill is refused by name`() async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    for refusal in Refusal.postgres {
      try await fixture.run("DROP SCHEMA IF EXISTS s CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public")
      try await fixture.run("CREATE EXTENSION vector")
      try await refusal.check(on: fixture)
    }
  }

  @Test(arguments: Refusal.sqlite)
  func `what SQLite can't page or fill is refused by name`(_ refusal: Refusal) async throws {
    try await refusal.check(on: StoreFixture(bare: .sqliteBlob))
  }

  @Test func `a database without pgvector is told to migrate`() async throws {
    let fixture = try await StoreFixture(bare: .postgres18, pgvector: false)
    try await fixture.run("CREATE TABLE messages (id int PRIMARY KEY, content text, embedding real[])")
    let store = try await fixture.open()
    let failure = await #expect(throws: Failure.self) { try await store.inspect(fixture.source, dimensions: 3) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains("no pgvector; `vecfill migrate up JOB`") == true)
    await store.close()
  }

  @Test(arguments: [
    ("GRANT SELECT ON messages TO \"%\"", "messages.embedding", "UPDATE"),
    ("GRANT UPDATE, SELECT (id, embedding) ON messages TO \"%\"", "messages.content", "SELECT"),
    ("GRANT UPDATE ON messages TO \"%\"", "messages.id", "SELECT"),
    (
      """
      GRANT UPDATE, SELECT ON messages TO "%"; ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
      CREATE POLICY p ON messages USING (id > 1)
      """, "messages", "row-level security"
    ),
  ])
  func `a missing right is told`(_ grant: String, _ subject: String, _ reason: String) async throws {
    let fixture = try await StoreFixture(.postgres18)
    let role = "role_\(UUID().uuidString)"
    try await fixture.run("CREATE ROLE \"\(role)\" LOGIN; " + grant.replacing("%", with: role))
    let refusal = Refusal("", "", exitCode: .denied, subject: subject, reason: reason)
    try await refusal.check(on: fixture, url: fixture.url.replacing("postgres@", with: "\(role)@"))
  }

  @Test func `rights on the three columns are enough`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one"])
    let role = "role_\(UUID().uuidString)"
    try await fixture.run(
      """
      CREATE ROLE "\(role)" LOGIN;
      GRANT SELECT (id, content, embedding), UPDATE (embedding) ON messages TO "\(role)"
      """)
    let url = try DatabaseURL(fixture.url.replacing("postgres@", with: "\(role)@"))
    let store = try await url.openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(fixture.source, dimensions: 3)
    #expect(try await store.write([EmbeddedRow(1, "one", [1, 2, 3])], to: fixture.source).written == [1])
    await store.close()
  }

  @Test func `a role or a database that can only read is refused for a job, and served for a search`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one", 2: "two"])
    try await fixture.fill(1, with: [1, 2, 3])
    let role = "role_\(UUID().uuidString)"
    try await fixture.run("CREATE ROLE \"\(role)\" LOGIN; GRANT SELECT ON messages TO \"\(role)\"")
    let reader = try DatabaseURL(fixture.url.replacing("postgres@", with: "\(role)@"))
    let standby = try DatabaseURL("\(fixture.url)?options=-c%20default_transaction_read_only%3Don")
    for (url, exitCode, midway) in [
      (reader, ExitCode.denied, ExitCode.denied), (standby, .configuration, .unavailable),
    ] {
      // A database that can only be read may become another one soon, as on a failover: this store gives up sooner.
      let store = try await PostgresMessageStore(
        url: url, applicationName: "vecfill tests", patience: PostgresPatience(losses: 2))
      let failure = await #expect(throws: Failure.self) { try await store.inspect(fixture.source, dimensions: 3) }
      #expect(failure?.exitCode == exitCode)
      #expect(try await store.page(of: fixture.source, after: nil, limit: 9).map(\.key) == [2])
      #expect(try await store.nearest(to: [1, 2, 3], in: fixture.source, limit: 9).map(\.key) == [1])
      let write = await #expect(throws: Failure.self) {
        try await store.write([EmbeddedRow(2, "two", [1, 2, 3])], to: fixture.source).written
      }
      #expect(write?.exitCode == midway)
      await store.close()
    }
  }

  @Test(arguments: [("0.8.2", 1), ("0.7.4", 1), ("0.8.3", 0), ("0.8.10", 0), ("1.0", 0)])
  func `a pgvector that can damage an index is warned of`(_ version: String, _ warnings: Int) async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.run("UPDATE pg_extension SET extversion = '\(version)' WHERE extname = 'vector'")
    let store = try await fixture.open()
    let shape = try await store.inspect(fixture.source, dimensions: 3)
    #expect(shape.warnings.count == warnings)
    #expect(shape.warnings.allSatisfy { $0.contains(version) })
    await store.close()
  }

  @Test func `a missing SQLite file is not made`() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("nowhere-\(UUID().uuidString).db").path
    let failure = await #expect(throws: Failure.self) {
      try await DatabaseURL("sqlite:///\(path)").openMessageStore(applicationName: "vecfill tests")
    }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.subject == path)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `a file that is no database is told so`() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("letter-\(UUID().uuidString)").path
    try String(repeating: "Dear reader, ", count: 100).write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let failure = await #expect(throws: Failure.self) {
      try await DatabaseURL("sqlite:///\(path)").openMessageStore(applicationName: "vecfill tests")
    }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.reason == "it is no SQLite database")
  }
}
