import Backfill
import Migrations
import TestSupport
import Testing

@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresMigrationsTests {
  @Test(arguments: PostgresCluster.Major.allCases, StartingSchema.allCases)
  func `up, down and up again end where up alone does`(
    _ major: PostgresCluster.Major, _ start: StartingSchema
  ) async throws {
    let fixture = try await Fixture(major, start)
    let atFirst = try await fixture.catalogue()
    try await fixture.migrating { _ = try await $0.up() }
    let up = try await fixture.catalogue()
    try await fixture.migrating { _ = try await $0.down(to: 0) }
    let down = try await fixture.catalogue()
    try await fixture.migrating { migrator in
      _ = try await migrator.up()
      #expect(try await migrator.verify() == [])
      #expect(try await migrator.up() == [])
    }
    #expect(try await fixture.catalogue() == up)
    // An invalid index is rebuilt on the way up and so not invalid again on the way down.
    if start != .halfMigrated { #expect(down == atFirst) }
    #expect(up.allSatisfy { $0[0] != "index" || ($0[3] == "t" || $0[3] == "true") })
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `the schema is the same from every start that has the tables`(_ major: PostgresCluster.Major) async throws {
    var catalogues: [[[String?]]] = []
    for start in StartingSchema.allCases where start != .empty {
      let fixture = try await Fixture(major, start)
      try await fixture.migrating { _ = try await $0.up() }
      catalogues.append(try await fixture.catalogue())
    }
    for catalogue in catalogues.dropFirst() { #expect(catalogue == catalogues[0]) }
    let indexes = catalogues[0].compactMap { $0[0] == "index" ? $0[1] : nil }
    #expect(indexes.contains("idx_chat_messages_embedding_user"))
    #expect(indexes.contains("idx_chat_messages_unembedded"))
  }

  @Test func `tables that come later are migrated by a later up`() async throws {
    let fixture = try await Fixture(.eighteen, .empty)
    try await fixture.migrating { _ = try await $0.up() }
    #expect(fixture.lines.contain("chat_messages does not exist: left for later"))
    try await fixture.database.run(StartingSchema.beforeVectors.postgres)
    try await fixture.migrating { _ = try await $0.up() }
    let whole = try await Fixture(.eighteen, .beforeVectors)
    try await whole.migrating { _ = try await $0.up() }
    #expect(try await fixture.catalogue() == whole.catalogue())
  }

  @Test func `indexes wait until the column is filled`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    try await fixture.database.run(
      "INSERT INTO standalone_chat_messages (role, content) SELECT 'user', 'x' FROM generate_series(1, 30)")
    try await fixture.migrating { migrator in
      let applied = try await migrator.up().map(\.version)
      #expect(applied == [1, 2, 3, 4, 5, 6])
      #expect(fixture.lines.contain("0007_standalone_chat_messages_embedding_hnsw: waits for the load: 30 of 30 rows"))
      try await fixture.database.run(
        "UPDATE standalone_chat_messages SET embedding = array_fill(0.5, ARRAY[1536])::vector")
      #expect(try await migrator.up().map(\.version) == [7])
    }
  }

  @Test func `an equal index of another name is adopted and outlives the way down`() async throws {
    let fixture = try await Fixture(.eighteen, .original)
    try await fixture.database.run("ALTER INDEX idx_chat_messages_embedding_user RENAME TO my_index")
    try await fixture.migrating { migrator in
      _ = try await migrator.up()
      #expect(fixture.lines.contain("the equal index my_index is adopted"))
      #expect(try await migrator.verify() == [])
      _ = try await migrator.down(to: 0)
    }
    let indexes = try await fixture.catalogue().compactMap { $0[0] == "index" ? $0[1] : nil }
    #expect(indexes.contains("my_index"))
    #expect(!indexes.contains("idx_chat_messages_embedding_user"))
  }

  @Test func `a different index on the column is reported and nothing is built beside it`() async throws {
    let fixture = try await Fixture(.eighteen, .original)
    try await fixture.database.run(
      """
      DROP INDEX idx_chat_messages_embedding_user;
      CREATE INDEX other ON chat_messages USING hnsw (embedding vector_l2_ops) WITH (m = 8);
      """)
    let failure = await #expect(throws: Failure.self) { try await fixture.migrating { _ = try await $0.up() } }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.description.contains("another is on the column: CREATE INDEX other") == true)
    #expect(failure?.description.contains("stamp") == false)
    // What isn't so is not recorded as if it were.
    let states = try await fixture.states()
    let refused = await #expect(throws: Failure.self) {
      try await fixture.migrating { _ = try await $0.stamp(to: 6) }
    }
    #expect(refused?.exitCode == .configuration)
    #expect(refused?.description.contains("index idx_chat_messages_embedding_user is another") == true)
    #expect(try await fixture.states() == states)
  }

  @Test func `a column of another dimension is refused`() async throws {
    let fixture = try await Fixture(.sixteen, .beforeVectors, pgvector: true)
    try await fixture.database.run("ALTER TABLE chat_messages ADD COLUMN embedding vector(3072)")
    let failure = await #expect(throws: Failure.self) { try await fixture.migrating { _ = try await $0.up() } }
    #expect(
      failure?.description.contains("column chat_messages.embedding is to be made, and it is there as vector(3072)")
        == true)
  }

  @Test func `an extension on which others depend is neither dropped nor cascaded`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    try await fixture.migrating { _ = try await $0.up() }
    try await fixture.database.run("CREATE TABLE theirs (v vector(3))")
    let failure = await #expect(throws: Failure.self) {
      try await fixture.migrating { _ = try await $0.down(to: 0) }
    }
    #expect(failure?.description.contains("theirs") == true)
    #expect(try await fixture.database.value("SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == "1")
    #expect(try await fixture.states().map { $0[0] } == ["1", "2"])
  }

  @Test func `a role that may not create the extension is told who may`() async throws {
    let fixture = try await Fixture(.sixteen, .empty)
    let role = "poor_\(fixture.database.name)"
    try await fixture.database.run(
      "CREATE ROLE \(role) LOGIN; GRANT CREATE ON SCHEMA public TO \(role)")
    let url = fixture.database.url.replacing("postgres@", with: "\(role)@")
    let failure = await #expect(throws: Failure.self) {
      try await fixture.migrating(url: url) { _ = try await $0.up() }
    }
    #expect(failure?.exitCode == .denied)
    #expect(failure?.description.contains("superuser") == true)
    #expect(fixture.lines.contain("extension vector is not trusted"))
  }
}
