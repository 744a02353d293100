import Backfill
import Foundation
import MessageStores
import Migrations
import PgVector
import Postgres
import TestSupport
import Testing

/// SQLite's columns and indexes.
extension JobMigrationsTests {
  @Test func `on SQLite the column and the index come and go too`() async throws {
    let file = try SQLiteFile()
    try await file.run(
      "CREATE TABLE m (a INTEGER, b TEXT, content TEXT, PRIMARY KEY (a, b)); INSERT INTO m VALUES (1, 'x', 'text')")
    let job = Self.job(Source(table: "m", keys: ["a", "b"]), dimensions: 8)
    func migrating<Value>(_ body: (Migrator) async throws -> Value) async throws -> Value {
      try await SQLiteMigrations(path: file.path, identity: "sqlite", applicationName: "tests").closing { database in
        try await body(Migrator(database, try await JobMigrations(job, database).set) { _ in })
      }
    }
    #expect(try await migrating { try await $0.up() }.map(\.name) == ["m_embedding", "m_embedding_lacking"])
    try await migrating { (migrator) async throws in
      #expect(try await migrator.plan().steps == [])
      #expect(try await migrator.verify() == [])
    }
    #expect(
      try await file.run("SELECT sql FROM sqlite_master WHERE name = 'idx_m_embedding_lacking'") == [
        [
          "CREATE INDEX \"idx_m_embedding_lacking\" ON \"m\" (\"a\", \"b\") WHERE "
            + MissingVector.predicate("\"embedding\"")
        ]
      ])
    try await migrating { _ = try await $0.down(to: 0) }
    #expect(try await file.run("SELECT name FROM pragma_table_info('m')") == [["a"], ["b"], ["content"]])
  }

  @Test(
    arguments: [
      ("m", "main", "CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT)"),
      ("t\"x", "main", "CREATE TABLE \"t\"\"x\" (id INTEGER PRIMARY KEY, content TEXT)"),
      ("t\"x", nil, "CREATE TABLE \"t\"\"x\" (id INTEGER PRIMARY KEY, content TEXT)"),
      ("m", nil, "CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT) STRICT"),
      // Paged by rowid, which no index can have.
      ("m", nil, "CREATE TABLE m (content TEXT, note TEXT)"),
      // Texts in double quotes, as SQLite's default takes them.
      (
        "m", nil,
        """
        CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT, state TEXT CHECK (state <> "gone"));
        CREATE TABLE log (said TEXT CHECK (said <> "never")); CREATE INDEX said ON log (said) WHERE said = "updated";
        CREATE VIEW loud AS SELECT id, content || "!" AS content FROM m;
        CREATE TRIGGER tt AFTER UPDATE ON m BEGIN INSERT INTO log VALUES ("updated"); END
        """
      ),
    ] as [(String, String?, String)], [Edits.clear, .digest])
  func `on SQLite any table goes up and down, one of the schema main or STRICT too`(
    _ table: (name: String, schema: String?, script: String), _ edits: Edits
  ) async throws {
    let file = try SQLiteFile()
    try await file.run(table.script)
    let before = try await file.run("SELECT sql FROM sqlite_master")
    var source = Source(schema: table.schema, table: table.name)
    source.edits = edits
    let job = Self.job(source, dimensions: 8)
    for isUp in [true, false, true] {
      try await SQLiteMigrations(path: file.path, identity: "sqlite", applicationName: "tests").closing { database in
        let migrator = Migrator(database, try await JobMigrations(job, database).set) { _ in }
        #expect(try await migrator.losses(to: 0) == [])
        _ = isUp ? try await migrator.up() : try await migrator.down(to: 0)
        #expect(isUp ? try await migrator.plan().steps == [] : true)
      }
      let own = try await file.run(
        "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'vecfill_%' AND name NOT LIKE 'sqlite_%'")
      #expect(isUp ? own.count > before.count : Self.quoted(own) == Self.quoted(before), "\(own)")
    }
    try await file.run("INSERT INTO \(table.name.quotedIdentifier) (content) VALUES ('one')")
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    let shape = try await store.inspect(source, dimensions: 8)
    #expect(shape.warnings.filter { !$0.contains("is paged by") } == [])
    let row = EmbeddedRow(
      key: .integer(1), digest: TextDigest(of: "one"), vector: [Float](repeating: 1, count: 8)[...])
    #expect(try await store.write([row], to: source).written == [.integer(1)])
    await store.close()
  }

  @Test(
    arguments: [
      "CREATE VIEW bad AS SELECT * FROM nowhere",
      "CREATE TABLE o (id INTEGER); CREATE TRIGGER bad AFTER INSERT ON o BEGIN INSERT INTO nowhere VALUES (1); END",
    ], [Edits.clear, .digest])
  func `on SQLite what keeps a column from being dropped is told before anything is`(_ broken: String, _ edits: Edits)
    async throws
  {
    let file = try SQLiteFile()
    try await file.run("CREATE TABLE m (id INTEGER PRIMARY KEY, content TEXT)")
    var source = Source(table: "m")
    source.edits = edits
    let job = Self.job(source, dimensions: 8)
    _ = try await SQLiteEditTriggerTests.migrating(file, job) { try await $0.up() }
    try await file.run(broken)
    let before = try await file.run("SELECT sql FROM sqlite_master")
    let refusal = await #expect(throws: Failure.self) {
      try await SQLiteEditTriggerTests.migrating(file, job) { try await $0.down(to: 0) }
    }
    #expect(refusal?.remedy?.hasPrefix("nothing was changed") == true, "\(refusal.debugDescription)")
    #expect(try await file.run("SELECT sql FROM sqlite_master") == before)
    try await file.run("DROP \(broken.contains("VIEW") ? "VIEW" : "TRIGGER") bad")
    _ = try await SQLiteEditTriggerTests.migrating(file, job) { try await $0.down(to: 0) }
    #expect(try await file.run("SELECT name FROM pragma_table_info('m')") == [["id"], ["content"]])
  }

  /// SQLite itself puts texts in double quotes into single ones when a column goes.
  private static func quoted(_ rows: [[String?]]) -> [[String?]] {
    rows.map { $0.map { $0?.replacing("\"", with: "'") } }
  }
}
