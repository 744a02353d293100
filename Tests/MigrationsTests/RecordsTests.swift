import Backfill
import Foundation
import Migrations
import TestSupport
import Testing

/// What databases tell of migrations that earlier versions, other folders or other machines ran.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct RecordsTests {
  /// The records as versions before this one kept them, without folders, of the set that shipped with 0008 and 0009.
  static func asBefore(_ fixture: Fixture, dropping: Bool = true) async throws {
    let records = try MigrationSet(in: Fixture.shipped, for: .postgres).migrations.map {
      "(\($0.version), '\($0.name)', '\($0.checksum)', 'applied', '\($0.up.statements.map { _ in "done" }.joined(separator: ","))')"
    }
    try await fixture.migrating { _ = try await $0.up() }
    try await fixture.database.run(
      """
      DROP TABLE vecfill_migration, vecfill_migration_history;
      CREATE TABLE vecfill_migration (
        version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
        state text NOT NULL CHECK (state IN ('started', 'applied', 'reverting')),
        outcomes text NOT NULL, changed_at timestamptz NOT NULL DEFAULT now());
      CREATE TABLE vecfill_migration_history (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
        version bigint NOT NULL, name text NOT NULL, action text NOT NULL, by text NOT NULL);
      INSERT INTO vecfill_migration VALUES \(records.joined(separator: ", ")),
        (8, 'chat_messages_embedded', 'x', 'applied', 'done'),
        (9, 'standalone_chat_messages_embedded', 'x', 'applied', 'found');
      INSERT INTO vecfill_migration_history (version, name, action, by) VALUES (8, 'chat_messages_embedded', 'up', 'me');
      """)
    if dropping {
      try await fixture.database.run(
        "DROP INDEX idx_chat_messages_unembedded; DROP INDEX idx_standalone_chat_messages_unembedded")
    }
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `a database that ran 0008 and 0009 gets its indexes back by up, and nothing else breaks on them`(
    _ major: PostgresCluster.Major
  ) async throws {
    let fixture = try await Fixture(major, .beforeVectors)
    try await Self.asBefore(fixture)
    try await fixture.migrating { (migrator) async throws in
      let state = "withdrawn: `vecfill migrate up` removes what it made"
      #expect(try await migrator.status().suffix(2).map(\.state) == [state, state])
      #expect(try await migrator.database.history().map(\.name) == ["chat_messages_embedded"])
      #expect(
        try await migrator.verify() == [
          "0008_chat_messages_embedded is \(state)", "0009_standalone_chat_messages_embedded is \(state)",
          "0004_chat_messages_unembedded: index idx_chat_messages_unembedded is missing",
          "0005_standalone_chat_messages_unembedded: index idx_standalone_chat_messages_unembedded is missing",
        ])
      #expect(try await migrator.plan().steps.map(\.migration.version) == [9, 8])
      #expect(try await migrator.up().map(\.version) == [9, 8])
      #expect(try await migrator.verify() == [])
      #expect(try await migrator.up() == [])
      #expect(try await migrator.status().map(\.state) == Array(repeating: "applied", count: 7))
    }
    let whole = try await Fixture(major, .beforeVectors)
    try await whole.migrating { _ = try await $0.up() }
    #expect(try await fixture.catalogue() == whole.catalogue())
    try await fixture.migrating { (migrator) async throws in
      _ = try await migrator.down(to: 0)
      #expect(try await migrator.database.records() == [])
    }
  }

  @Test func `the way down puts right what a withdrawn version did on its way`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let atFirst = try await fixture.catalogue()
    try await Self.asBefore(fixture)
    try await fixture.migrating { (migrator) async throws in
      #expect(try await migrator.down(to: 0).map(\.version) == [9, 8, 7, 6, 5, 4, 3, 2, 1])
    }
    #expect(try await fixture.catalogue() == atFirst)
  }

  @Test func `an index that somebody put back meanwhile is left as it is`() async throws {
    let fixture = try await Fixture(.sixteen, .beforeVectors)
    try await Self.asBefore(fixture, dropping: false)
    let catalogue = try await fixture.catalogue()
    try await fixture.migrating { (migrator) async throws in
      _ = try await migrator.up()
      #expect(try await migrator.verify() == [])
    }
    #expect(try await fixture.catalogue() == catalogue)
  }

  @Test func `on SQLite older records are adopted and withdrawn versions put right`() async throws {
    let file = try SQLiteFile()
    try await file.run(StartingSchema.beforeVectors.sqlite)
    try await SQLiteMigrationsTests.migrating(file.path) { _ = try await $0.up() }
    try await file.run(
      """
      CREATE TABLE kept AS SELECT version, name, checksum, state, outcomes, changed_at FROM vecfill_migration;
      DROP TABLE vecfill_migration; DROP TABLE vecfill_migration_history;
      CREATE TABLE vecfill_migration (
        version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('started', 'applied', 'reverting')),
        outcomes TEXT NOT NULL, changed_at TEXT NOT NULL DEFAULT (datetime('now')));
      CREATE TABLE vecfill_migration_history (
        id INTEGER PRIMARY KEY, at TEXT NOT NULL DEFAULT (datetime('now')),
        version INTEGER NOT NULL, name TEXT NOT NULL, action TEXT NOT NULL, by TEXT NOT NULL);
      INSERT INTO vecfill_migration SELECT * FROM kept; DROP TABLE kept;
      INSERT INTO vecfill_migration (version, name, checksum, state, outcomes)
        VALUES (8, 'chat_messages_embedded', 'x', 'applied', 'done');
      DROP INDEX idx_chat_messages_unembedded;
      """)
    try await SQLiteMigrationsTests.migrating(file.path) { (migrator) async throws in
      #expect(try await migrator.status().count == 5)
      #expect(try await migrator.up().map(\.version) == [8])
      #expect(try await migrator.verify() == [])
    }
    #expect(try await file.run("SELECT DISTINCT folder FROM vecfill_migration") == [["jobs/migrations"]])
    #expect(
      try await file.run("SELECT count(*) FROM sqlite_master WHERE name = 'idx_chat_messages_unembedded'") == [["1"]])
  }

  @Test func `two folders and a job in one database keep out of each other's way`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let one = try Folder(ups: ["1_init": "CREATE TABLE one (id int PRIMARY KEY, content text)", "2_more": "SELECT 2"])
    let two = try Folder(ups: ["1_init": "CREATE TABLE two (id int)", "3_x": "SELECT 3"])
    let job = JobMigrationsTests.job(Source(table: "one"), dimensions: 8)
    #expect(try await fixture.migrating(folder: one.path) { try await $0.up() }.map(\.version) == [1, 2])
    #expect(try await fixture.migrating(folder: two.path) { try await $0.up() }.map(\.version) == [1, 3])
    #expect(try await fixture.migrating { try await $0.up() }.count == 7)
    _ = try await fixture.migrating(for: job) { try await $0.up() }
    for folder in [one.path, two.path, Fixture.shipped] {
      try await fixture.migrating(folder: folder) { (migrator) async throws in
        #expect(try await migrator.verify() == [])
        #expect(try await migrator.up() == [])
        #expect(try await migrator.status().allSatisfy { $0.state.hasPrefix("applied") })
      }
    }
    try await JobMigrationsTests.expectSettled(fixture, job)
    try await fixture.migrating(folder: two.path) { (migrator) async throws in
      #expect(try await migrator.down(to: 0).map(\.version) == [3, 1])
    }
    #expect(
      try await fixture.migrating(folder: one.path) { try await $0.status() }.map(\.state) == ["applied", "applied"])
    try await JobMigrationsTests.expectSettled(fixture, job)
    let labels = try await fixture.database.run("SELECT DISTINCT folder FROM vecfill_migration_history ORDER BY 1")
    #expect(labels.count == 4)
  }

  @Test func `a folder that was moved goes on where it was`() async throws {
    let fixture = try await Fixture(.sixteen, .empty)
    let files: KeyValuePairs = ["1_a": "CREATE TABLE a (id int)", "2_b": "CREATE TABLE b (id int)"]
    let first = try Folder(ups: files)
    try await fixture.migrating(folder: first.path) { _ = try await $0.up() }
    let second = try Folder(ups: files)
    try second.write("CREATE TABLE c (id int)", to: "3_c.up.sql")
    try await fixture.migrating(folder: second.path) { (migrator) async throws in
      #expect(try await migrator.up().map(\.version) == [3])
      #expect(try await migrator.verify() == [])
    }
    #expect(try await fixture.database.run("SELECT DISTINCT folder FROM vecfill_migration").count == 1)
  }

  @Test func `nothing is stamped that isn't so`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors, pgvector: true)
    let refused = await #expect(throws: Failure.self) {
      try await fixture.migrating { _ = try await $0.stamp(to: 3) }
    }
    #expect(refused?.description.contains("column chat_messages.was_truncated is missing") == true)
    #expect(refused?.description.contains("nothing was recorded") == true)
    #expect(try await fixture.states() == [])
    try await fixture.database.run(
      """
      ALTER TABLE chat_messages ADD COLUMN was_truncated boolean NOT NULL DEFAULT false, ADD COLUMN embedding vector(1536);
      ALTER TABLE standalone_chat_messages ADD COLUMN was_truncated boolean NOT NULL DEFAULT false,
        ADD COLUMN embedding vector(1536);
      """)
    let stamped = try await fixture.migrating { try await $0.stamp(to: 3) }
    #expect(stamped.count == 3)
    try await fixture.migrating { (migrator) async throws in
      #expect(try await migrator.verify() == [])
    }
  }

  @Test func `a table that is yet to come is stamped as that, and made when it comes`() async throws {
    let fixture = try await Fixture(.sixteen, .empty, pgvector: true)
    try await fixture.migrating { _ = try await $0.stamp(to: 4) }
    try await fixture.database.run(StartingSchema.beforeVectors.postgres)
    try await fixture.migrating { (migrator) async throws in
      _ = try await migrator.up()
      #expect(try await migrator.verify() == [])
    }
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `what ships works with pgvector in a schema off the search path`(_ major: PostgresCluster.Major) async throws {
    let fixture = try await Fixture(major, .beforeVectors)
    try await fixture.database.run("CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions")
    let atFirst = try await fixture.catalogue()
    try await fixture.migrating { (migrator) async throws in
      #expect(try await migrator.up().count == 7)
      #expect(try await migrator.verify() == [])
      #expect(try await migrator.plan().steps == [])
    }
    let definitions = try await JobMigrationsTests.definitions(fixture, of: "standalone_chat_messages")
    #expect(
      definitions.last
        == "CREATE INDEX idx_standalone_messages_embedding ON public.standalone_chat_messages USING hnsw "
        + "(embedding extensions.vector_cosine_ops) WITH (m='16', ef_construction='64')")
    // Another process, whose search path has the schema, sees the same.
    let url = fixture.database.url + "?options=-csearch_path%3Dpublic,extensions"
    try await fixture.migrating(url: url) { (migrator) async throws in
      #expect(try await migrator.verify() == [])
    }
    try await fixture.migrating { _ = try await $0.down(to: 0) }
    #expect(try await fixture.catalogue() == atFirst)
  }
}
