import Backfill
import Foundation
import Migrations
import PgVector
import Postgres
import TestSupport
import Testing

/// A partitioned table's vector indexes around a load.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PartitionedIndexTests {
  static let source = Source(table: "messages")

  static func fixture(_ major: PostgresCluster.Major) async throws -> Fixture {
    let fixture = try await Fixture(major, .empty, pgvector: true)
    try await fixture.database.run(
      """
      CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3), other vector(3))
        PARTITION BY RANGE (id);
      CREATE TABLE low PARTITION OF messages FOR VALUES FROM (0) TO (1000);
      CREATE TABLE "Mid" PARTITION OF messages FOR VALUES FROM (1000) TO (2000) PARTITION BY RANGE (id);
      CREATE TABLE mid_a PARTITION OF "Mid" FOR VALUES FROM (1000) TO (1500);
      CREATE TABLE mid_b PARTITION OF "Mid" FOR VALUES FROM (1500) TO (2000);
      INSERT INTO messages SELECT n, 'x' FROM generate_series(1, 1999) AS n;
      CREATE INDEX mine ON messages USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32);
      CREATE INDEX "Other one" ON messages USING hnsw (other vector_cosine_ops);
      CREATE INDEX own ON low USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32);
      CREATE INDEX text ON messages (content);
      COMMENT ON INDEX mine IS 'ours'; COMMENT ON INDEX low_embedding_idx IS 'the low''s';
      """)
    return fixture
  }

  static func indexes(_ fixture: Fixture) async throws -> [[String?]] {
    try await fixture.database.run(
      """
      SELECT c.relname, pg_get_indexdef(c.oid), i.indisvalid, obj_description(c.oid, 'pg_class'), h.inhparent::regclass
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'hnsw'
      LEFT JOIN pg_inherits h ON h.inhrelid = c.oid ORDER BY 1
      """)
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `it is dropped with its parts and comes back as it was, part by part`(_ major: PostgresCluster.Major)
    async throws
  {
    let fixture = try await Self.fixture(major)
    let before = try await Self.indexes(fixture)
    #expect(before.count == 11)
    try await IndexLifeTests.life(fixture) { life in
      let dropped = try await life.begin(.rebuild, Self.source, dimensions: 3)
      #expect(Set(dropped) == ["mine", "Other one", "own"])
      #expect(try await Self.indexes(fixture) == [])
      #expect(try await Set(life.away(Self.source)) == Set(dropped))
      #expect(try await Set(life.finish(.rebuild, Self.source, dimensions: 3)) == Set(dropped))
    }
    #expect(try await Self.indexes(fixture) == before)
    #expect(try await fixture.database.value("SELECT count(*) FROM vecfill_index") == "0")
  }

  /// What a process that died leaves: by hand, what it had done.
  static let leftovers = [
    [],
    ["CREATE INDEX mine ON ONLY messages USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)"],
    [
      "CREATE INDEX mine ON ONLY messages USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)",
      "CREATE INDEX low_embedding_idx ON low USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)",
    ],
    [
      "CREATE INDEX mine ON ONLY messages USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)",
      "CREATE INDEX low_embedding_idx ON low USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32)",
      "ALTER INDEX mine ATTACH PARTITION low_embedding_idx; COMMENT ON INDEX low_embedding_idx IS 'the low''s'",
      "DELETE FROM vecfill_index WHERE index_name = 'low_embedding_idx'",
    ],
  ]

  @Test(arguments: leftovers.indices, [false, true])
  func `whoever comes after a crash goes on`(_ index: Int, _ dropsAgain: Bool) async throws {
    let fixture = try await Self.fixture(.eighteen)
    let before = try await Self.indexes(fixture)
    _ = try await IndexLifeTests.life(fixture) { try await $0.begin(.rebuild, Self.source, dimensions: 3) }
    for statement in Self.leftovers[index] { try await fixture.database.run(statement) }
    if dropsAgain {
      _ = try await IndexLifeTests.life(fixture) { try await $0.begin(.rebuild, Self.source, dimensions: 3) }
      #expect(try await Self.indexes(fixture) == [])
    }
    let restored = try await IndexLifeTests.life(fixture) { try await $0.restore() }
    #expect(Set(restored) == ["mine", "Other one", "own"])
    #expect(try await Self.indexes(fixture) == before)
  }

  @Test func `a partition that came during the load gets its part, and one that went is told`() async throws {
    let fixture = try await Self.fixture(.sixteen)
    let before = try await Self.indexes(fixture)
    try await IndexLifeTests.life(fixture) { life in
      _ = try await life.begin(.rebuild, Self.source, dimensions: 3)
      try await fixture.database.run(
        """
        CREATE TABLE high PARTITION OF messages FOR VALUES FROM (2000) TO (3000);
        INSERT INTO messages VALUES (2001, 'x', '[1,2,3]'); DROP TABLE mid_b
        """)
      _ = try await life.finish(.rebuild, Self.source, dimensions: 3)
    }
    let after = try await Self.indexes(fixture)
    #expect(after.allSatisfy { $0[2] == "t" })
    #expect(after.filter { $0[1]?.contains("ON public.high ") == true }.map { $0[4] } == ["mine", "\"Other one\""])
    let left = before.filter { $0[1]?.contains("mid_b") == false }
    #expect(left.allSatisfy { after.contains($0) })
    #expect(fixture.lines.contain("left out"))
  }

  @Test func `a part alone is not dropped, and the index of the whole is named instead`() async throws {
    let fixture = try await Self.fixture(.eighteen)
    let failure = await #expect(throws: Failure.self) {
      try await IndexLifeTests.life(fixture) { try await $0.check(.rebuild, Source(table: "mid_a")) }
    }
    #expect(failure?.description.contains("is a part of that of the table it is a partition of") == true)
  }

  /// Whoever writes meanwhile never waits for longer than one attempt.
  @Test func `an index that a transaction uses is dropped once that has ended`() async throws {
    let fixture = try await Self.fixture(.eighteen)
    let hold = try Hold("LOCK TABLE low IN ROW EXCLUSIVE MODE", on: fixture.database.url)
    async let dropped = IndexLifeTests.life(fixture) { try await $0.begin(.rebuild, Self.source, dimensions: 3) }
    let deadline = ContinuousClock.now + .seconds(60)
    while !fixture.lines.contain("waits for a lock (attempt 2"), ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(fixture.lines.contain("waits for a lock (attempt 2"))
    hold.release()
    #expect(try await dropped.count == 3)
  }
}
