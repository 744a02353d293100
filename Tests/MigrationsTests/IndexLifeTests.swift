import Backfill
import Foundation
import Migrations
import Postgres
import TestSupport
import Testing

@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct IndexLifeTests {
  static let source = Source(table: "messages")
  static let index =
    "CREATE INDEX mine ON public.messages USING hnsw (embedding vector_l2_ops) WITH (m='8', ef_construction='32')"

  /// A table of short vectors, none of them filled: a rebuild pays.
  static func fixture(_ major: PostgresCluster.Major, rows: Int = 2000, index: String = index) async throws -> Fixture {
    let fixture = try await Fixture(major, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE TABLE messages (id serial PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO messages (content) SELECT 'x' FROM generate_series(1, \(rows));
      \(index); COMMENT ON INDEX mine IS 'it''s \\ ours'
      """)
    return fixture
  }

  static func life<Value>(
    _ fixture: Fixture, url: String? = nil, _ body: (IndexLife) async throws -> Value
  ) async throws -> Value {
    let url = try DatabaseURL(url ?? fixture.database.url)
    return try await IndexLife.with(
      url, of: url, applicationName: "vecfill tests pid \(getpid())", narrator: fixture.lines.narrator, body)
  }

  static func indexes(_ fixture: Fixture) async throws -> [[String?]] {
    try await fixture.database.run(
      """
      SELECT pg_get_indexdef(indexrelid), indisvalid, obj_description(indexrelid, 'pg_class') FROM pg_index
      WHERE indrelid = 'messages'::regclass AND NOT indisprimary ORDER BY 1
      """)
  }

  static let filled = "UPDATE messages SET embedding = ARRAY[id, 1, 2, 3, 4, 5, 6, sin(id)]::vector"

  @Test(arguments: PostgresCluster.Major.allCases)
  func `an index is dropped for the load and put back as it was`(_ major: PostgresCluster.Major) async throws {
    let fixture = try await Self.fixture(major)
    let before = try await Self.indexes(fixture)
    #expect(before == [[Self.index, "t", "it's \\ ours"]])
    try await Self.life(fixture) { life in
      #expect(try await life.begin(.rebuild, Self.source, dimensions: 8) == ["mine"])
      #expect(try await Self.indexes(fixture) == [])
      #expect(try await life.away(Self.source) == ["mine"])
      try await fixture.database.run(Self.filled)
      #expect(try await life.finish(.rebuild, Self.source, dimensions: 8) == ["mine"])
      #expect(try await Self.indexes(fixture) == before)
      #expect(try await life.away(Self.source) == [])
      #expect(try await life.finish(.rebuild, Self.source, dimensions: 8) == [])
    }
    #expect(
      try await fixture.database.value(
        "SELECT last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'messages'") == "t")
  }

  @Test func `an index that a few rows are written into stays`() async throws {
    let fixture = try await Self.fixture(.eighteen)
    try await fixture.database.run(Self.filled + " WHERE id > 10")
    let dropped = try await Self.life(fixture) { try await $0.begin(.rebuild, Self.source, dimensions: 8) }
    #expect(dropped == [])
    #expect(try await Self.indexes(fixture).count == 1)
  }

  @Test(arguments: [(16_000, true), (1536, false)])
  func `unasked, nothing is dropped, and what both ways take is told where a minute is saved`(
    _ dimensions: Int, _ isTold: Bool
  ) async throws {
    let fixture = try await Self.fixture(.eighteen)
    let dropped = try await Self.life(fixture) { try await $0.begin(.keep, Self.source, dimensions: dimensions) }
    #expect(dropped == [])
    #expect(
      fixture.lines.contain(
        "warning: messages: writing 2,000 rows takes some 101 s with mine kept and 31 s with it rebuilt") == isTold)
    #expect(try await Self.indexes(fixture).count == 1)
  }

  @Test(arguments: [
    (8, "vector(8)", "(embedding vector_cosine_ops)"),
    (2500, "vector(2500)", "(((embedding)::halfvec(2500)) halfvec_cosine_ops)"),
    (8, "halfvec(8)", "(embedding halfvec_cosine_ops)"),
    (8, "vector", "(((embedding)::vector(8)) vector_cosine_ops)"),
    (8, "vectors", "(((embedding)::vector(8)) vector_cosine_ops)"),
    (3072, "vector", "(((embedding)::halfvec(3072)) halfvec_cosine_ops)"),
  ])
  func `a column without an index gets one after the load`(_ dimensions: Int, _ type: String, _ key: String)
    async throws
  {
    let fixture = try await Self.fixture(.eighteen)
    try await fixture.database.run(
      "CREATE DOMAIN vectors AS vector(8); DROP INDEX mine; ALTER TABLE messages DROP COLUMN embedding; ALTER TABLE messages ADD COLUMN embedding \(type)"
    )
    let built = try await Self.life(fixture) { life in
      #expect(try await life.begin(.after, Self.source, dimensions: dimensions) == [])
      return try await life.finish(.after, Self.source, dimensions: dimensions)
    }
    #expect(built == ["idx_messages_embedding_hnsw"])
    #expect(
      try await Self.indexes(fixture).map { $0[0] } == [
        "CREATE INDEX idx_messages_embedding_hnsw ON public.messages USING hnsw \(key) WITH (m='16', ef_construction='64')"
      ])
  }

  @Test func `another machine finishes what one whose job now keeps its indexes began`() async throws {
    let fixture = try await Self.fixture(.sixteen)
    let before = try await Self.indexes(fixture)
    _ = try await Self.life(fixture) { try await $0.begin(.rebuild, Self.source, dimensions: 8) }
    let findings = try await fixture.migrating { try await $0.verify() }
    #expect(findings.contains { $0.hasPrefix("index mine of public.messages is not back since vecfill tests") })
    let built = try await Self.life(fixture) { try await $0.finish(.keep, Self.source, dimensions: 8) }
    #expect(built == ["mine"])
    #expect(try await Self.indexes(fixture) == before)
  }

  @Test func `vector indexes are named, on whatever expression or partition they are`() async throws {
    let fixture = try await Fixture(.sixteen, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3), other vector(3))
        PARTITION BY RANGE (id);
      CREATE TABLE low PARTITION OF messages FOR VALUES FROM (0) TO (10);
      CREATE TABLE high PARTITION OF messages FOR VALUES FROM (10) TO (20);
      INSERT INTO messages VALUES (1, 'x'), (11, 'x');
      CREATE INDEX plain ON messages USING hnsw (embedding vector_l2_ops);
      CREATE INDEX cast_one ON low USING hnsw ((embedding::halfvec(3)) halfvec_cosine_ops);
      CREATE INDEX lists ON high USING ivfflat (embedding vector_cosine_ops) WITH (lists = 1);
      CREATE INDEX other ON messages USING hnsw (other vector_cosine_ops);
      CREATE INDEX text ON messages (content);
      """)
    // So many that even for two rows a rebuild would save a minute.
    #expect(try await Self.life(fixture) { try await $0.begin(.keep, Self.source, dimensions: 4_000_000) } == [])
    #expect(fixture.lines.all.count == 1)
    #expect(fixture.lines.contain("with cast_one, lists, other, plain kept and 30 s with them rebuilt"))
    #expect(fixture.lines.contain("`index: {when: rebuild}`"))
  }

  @Test func `an index is put back under another search path than it was dropped under`() async throws {
    let fixture = try await Fixture(.eighteen, .empty, pgvector: false)
    let index =
      "CREATE INDEX mine ON app.messages USING hnsw (((embedding)::ext.halfvec(8)) ext.halfvec_cosine_ops) "
      + "WITH (m='8', ef_construction='32')"
    try await fixture.database.run(
      """
      CREATE SCHEMA ext; CREATE EXTENSION vector SCHEMA ext; CREATE SCHEMA app;
      CREATE TABLE app.messages (id serial PRIMARY KEY, content text, embedding ext.vector(8));
      INSERT INTO app.messages (content) SELECT 'x' FROM generate_series(1, 100); \(index)
      """)
    func indexes() async throws -> [[String?]] {
      try await fixture.database.run(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'app.messages'::regclass AND NOT indisprimary"
      )
    }
    #expect(try await indexes() == [[index]])
    let url = fixture.database.url + "?options=-csearch_path%3Dapp,ext,public"
    let away = try await Self.life(fixture, url: url) { try await $0.begin(.rebuild, Self.source, dimensions: 8) }
    #expect(away == ["mine"])
    #expect(try await indexes() == [])
    let source = Source(schema: "app", table: "messages")
    #expect(try await Self.life(fixture) { try await $0.finish(.keep, source, dimensions: 8) } == ["mine"])
    #expect(try await indexes() == [[index]])
  }

  @Test func `what a build that died left is replaced by what was recorded before`() async throws {
    let fixture = try await Self.fixture(.sixteen)
    let before = try await Self.indexes(fixture)
    _ = try await Self.life(fixture) { try await $0.begin(.rebuild, Self.source, dimensions: 8) }
    // As a build leaves it that is killed: invalid, and not yet with its comment.
    try await fixture.database.run(
      "\(Self.index); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'mine'::regclass")
    let away = try await Self.life(fixture) { try await $0.begin(.rebuild, Self.source, dimensions: 8) }
    #expect(away == ["mine"])
    #expect(try await Self.indexes(fixture) == [])
    #expect(try await Self.life(fixture) { try await $0.finish(.rebuild, Self.source, dimensions: 8) } == ["mine"])
    #expect(try await Self.indexes(fixture) == before)
  }

  @Test func `another index of the recorded name is not taken for it`() async throws {
    let fixture = try await Self.fixture(.eighteen)
    _ = try await Self.life(fixture) { try await $0.begin(.rebuild, Self.source, dimensions: 8) }
    try await fixture.database.run("CREATE TABLE others (id int); CREATE INDEX mine ON others (id)")
    let failure = await #expect(throws: Failure.self) {
      try await Self.life(fixture) { try await $0.finish(.rebuild, Self.source, dimensions: 8) }
    }
    #expect(failure?.description.contains("relation \"mine\" already exists") == true)
    try await fixture.database.run("DROP TABLE others")
    #expect(try await Self.life(fixture) { try await $0.restore() } == ["mine"])
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `an index on another column of the table goes and comes back too`(_ major: PostgresCluster.Major) async throws {
    let fixture = try await Self.fixture(major)
    try await fixture.database.run(
      """
      ALTER TABLE messages ADD COLUMN title vector(3);
      CREATE INDEX titles ON messages USING hnsw (title vector_l2_ops); CREATE INDEX words ON messages (content)
      """)
    let before = try await Self.indexes(fixture)
    #expect(before.count == 3)
    try await Self.life(fixture) { life in
      #expect(try await life.begin(.rebuild, Self.source, dimensions: 8) == ["mine", "titles"])
      #expect(try await Self.indexes(fixture).map { $0[0]?.contains("USING btree") } == [true])
      try await fixture.database.run(Self.filled)
      #expect(try await life.finish(.keep, Self.source, dimensions: 8) == ["mine", "titles"])
    }
    #expect(try await Self.indexes(fixture) == before)
  }

  @Test func `an index on another column alone is dropped, and is none of the column's own`() async throws {
    let fixture = try await Self.fixture(.eighteen)
    try await fixture.database.run(
      """
      DROP INDEX mine; ALTER TABLE messages ADD COLUMN title vector(3);
      CREATE INDEX titles ON messages USING hnsw (title vector_l2_ops)
      """)
    try await Self.life(fixture) { (life) async throws in
      #expect(try await life.begin(.keep, Self.source, dimensions: 16_000) == [])
      #expect(fixture.lines.contain("with titles kept"))
      #expect(try await life.begin(.rebuild, Self.source, dimensions: 8) == ["titles"])
      #expect(
        try await life.finish(.after, Self.source, dimensions: 8).sorted() == ["idx_messages_embedding_hnsw", "titles"])
    }
    #expect(try await Self.indexes(fixture).count == 2)
  }

  @Test func `a load that ended for good has its indexes put back and no other built`() async throws {
    let fixture = try await Self.fixture(.sixteen)
    let before = try await Self.indexes(fixture)
    try await Self.life(fixture) { (life) async throws in
      #expect(try await life.putBack(Self.source) == [])
      #expect(try await life.begin(.rebuild, Self.source, dimensions: 8) == ["mine"])
      #expect(try await life.putBack(Self.source) == ["mine"])
      #expect(try await life.putBack(Self.source) == [])
    }
    #expect(try await Self.indexes(fixture) == before)
  }

  @Test(arguments: [8, 3072])
  func `with pgvector off the search path an index is made after the load`(_ dimensions: Int) async throws {
    let fixture = try await Fixture(.eighteen, .empty)
    try await fixture.database.run(
      """
      CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions;
      CREATE TABLE messages (id serial PRIMARY KEY, content text, embedding extensions.vector(\(dimensions)));
      INSERT INTO messages (content) SELECT 'x' FROM generate_series(1, 10)
      """)
    let built = try await Self.life(fixture) { life in
      #expect(try await life.begin(.after, Self.source, dimensions: dimensions) == [])
      return try await life.finish(.after, Self.source, dimensions: dimensions)
    }
    #expect(built == ["idx_messages_embedding_hnsw"])
    let key =
      dimensions == 8
      ? "(embedding extensions.vector_cosine_ops)"
      : "(((embedding)::extensions.halfvec(3072)) extensions.halfvec_cosine_ops)"
    #expect(try await Self.indexes(fixture).first?.first??.contains("USING hnsw \(key)") == true)
    #expect(try await Self.life(fixture) { try await $0.finish(.after, Self.source, dimensions: dimensions) } == [])
  }

  /// Terminated at every statement of begin and of finish; finish by another then leaves the index as it was.
  @Test(arguments: PostgresCluster.Major.allCases)
  func `cut off at any statement, the index comes back`(_ major: PostgresCluster.Major) async throws {
    var statement = 1
    while true {
      let fixture = try await Self.fixture(major, rows: 50)
      let before = try await Self.indexes(fixture)
      let cut = Locked<StatementProxy?>(nil)
      let proxy = try StatementProxy(to: fixture.database.port, strikingAt: statement) { _ in
        cut.withLock { $0?.close() }
      }
      cut.withLock { $0 = proxy }
      do {
        try await Self.life(fixture, url: KilledMigrationTests.url(fixture, through: proxy)) { life in
          _ = try await life.begin(.rebuild, Self.source, dimensions: 8)
          try await fixture.database.run(Self.filled)
          _ = try await life.finish(.rebuild, Self.source, dimensions: 8)
        }
      } catch {
        #expect(proxy.struck != nil, "\(error)")
      }
      proxy.close()
      cut.withLock { $0 = nil }
      _ = try await Self.life(fixture) { try await $0.finish(.keep, Self.source, dimensions: 8) }
      #expect(try await Self.indexes(fixture) == before, "cut at \(statement): \(proxy.struck ?? "")")
      if proxy.struck == nil { break }
      statement += 1
    }
    print("IndexLife on \(major): \(statement - 1) cuts")
    #expect(statement > 10)
  }

  @Test func `a build asks for memory and workers by the graph's size`() {
    let small = BuildSettings(
      rows: 20_000, vectorBytes: 6152, serverMemory: 64 << 20, sharedBuffers: 128 << 20, serverWorkers: 2, maxWorkers: 8
    )
    #expect(small.fits)
    #expect(small.memory > 140 << 20 && small.memory < 180 << 20)
    let large = BuildSettings(
      rows: 1_000_000, vectorBytes: 6152, serverMemory: 64 << 20, sharedBuffers: 128 << 20, serverWorkers: 0,
      maxWorkers: 8)
    #expect(!large.fits)
    #expect(large.memory == 1 << 30)
    #expect(large.workers == 2)
  }
}
