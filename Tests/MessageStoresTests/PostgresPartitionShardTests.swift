import Backfill
import MessageStores
import TestSupport
import Testing

/// Partitions as shards, as the store reads them.
@Suite struct PostgresPartitionShardTests {
  private static let source = Source(table: "messages")

  private static func shard(
    _ partition: ShardRange.Partition, _ store: PostgresMessageStore
  ) async throws -> PostgresShardStore {
    let source = try await store.named(Self.source)
    let job = Job(name: "job", sources: [source], model: Model(name: "m", dimensions: 3))
    let plan = ShardPlan([
      [
        StoredShard(
          number: 0, count: 1, range: ShardRange(partition: partition), rows: 0, work: ShardWork(job, source),
          plan: "1", begun: nil, done: nil, worker: nil)
      ]
    ])
    return PostgresShardStore(store, shard: 0, of: try #require(plan), [Self.source])
  }

  private static func ids(_ shard: PostgresShardStore) async throws -> [Int64] {
    guard let last = try await shard.lastKey(of: source) else { return [] }
    return try await shard.pages(of: source, PageRequest(through: last, limit: 7)).flatMap(\.messages).compactMap {
      if case .integer(let id) = $0.key { id } else { nil }
    }
  }

  /// Two levels, of hash and range, with the columns of one partition in another order than the table's.
  private static func fixture() async throws -> StoreFixture {
    let fixture = try await StoreFixture(bare: .postgres18)
    try await fixture.run(
      """
      CREATE SCHEMA "Parts of it";
      CREATE TABLE messages (id bigint PRIMARY KEY, content text, embedding vector(3)) PARTITION BY RANGE (id);
      CREATE TABLE low (embedding vector(3), dropped int, content text, id bigint PRIMARY KEY);
      ALTER TABLE low DROP COLUMN dropped;
      ALTER TABLE messages ATTACH PARTITION low FOR VALUES FROM (0) TO (100);
      CREATE TABLE high PARTITION OF messages FOR VALUES FROM (100) TO (1000) PARTITION BY HASH (id);
      CREATE TABLE "Parts of it"."Even" PARTITION OF high FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE "Parts of it".odd PARTITION OF high FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      INSERT INTO messages SELECT n, 'text ' || n FROM generate_series(1, 200) AS n;
      UPDATE messages SET embedding = '[1,2,3]' WHERE id % 10 = 0
      """)
    return fixture
  }

  @Test func `each partition at whatever level is a shard with the rows that lack a vector in it`() async throws {
    let fixture = try await Self.fixture()
    let store = try await fixture.openImpatient()
    let cuts = try await store.cutByPartition(Self.source)
    #expect(cuts.compactMap(\.range.partition?.name) == ["Parts of it.Even", "Parts of it.odd", "public.low"])
    var all: [Int64] = []
    for cut in cuts {
      let shard = try await Self.shard(try #require(cut.range.partition), store)
      let ids = try await Self.ids(shard)
      #expect(ids.count == cut.rows)
      #expect(try await shard.countRemaining(in: Self.source) == cut.rows)
      #expect(ids.sorted() == ids)
      all += ids
    }
    #expect(cuts.last?.rows == 90)
    #expect(all.sorted() == (1...200).filter { $0 % 10 != 0 })
    await store.close()
  }

  @Test(
    arguments: [
      "ALTER TABLE messages DETACH PARTITION low", "ALTER TABLE messages DETACH PARTITION low; DROP TABLE low",
      "ALTER TABLE messages DETACH PARTITION low; CREATE TABLE other (LIKE messages) PARTITION BY RANGE (id); "
        + "ALTER TABLE other ATTACH PARTITION low FOR VALUES FROM (0) TO (100)",
    ])
  func `a partition that is no longer the table's has no rows`(change: String) async throws {
    let fixture = try await Self.fixture()
    let store = try await fixture.openImpatient()
    let low = try #require(try await store.partitions(of: Self.source).last)
    let shard = try await Self.shard(low, store)
    #expect(try await Self.ids(shard).count == 90)
    try await fixture.run(change)
    #expect(try await shard.lastKey(of: Self.source) == nil)
    #expect(try await shard.page(of: Self.source, PageRequest(limit: 10)) == MessagePage([], continuesAfter: nil))
    #expect(try await shard.countRemaining(in: Self.source) == 0)
    await store.close()
  }

  @Test func `a partition that was renamed and moved is still found, and written by the table's name`() async throws {
    let fixture = try await Self.fixture()
    let store = try await fixture.openImpatient()
    let shard = try await Self.shard(try #require(try await store.partitions(of: Self.source).last), store)
    try await fixture.run(
      #"ALTER TABLE low RENAME TO "Other ""one"; ALTER TABLE "Other ""one" SET SCHEMA "Parts of it""#)
    let page = try await shard.page(of: Self.source, PageRequest(limit: 100))
    #expect(page.messages.count == 90)
    let rows = page.messages.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
    #expect(try await shard.write(rows, to: Self.source).written.count == 90)
    #expect(try await shard.countRemaining(in: Self.source) == 0)
    await store.close()
  }

  @Test func `a partition is read by its own index, whatever the others have`() async throws {
    let fixture = try await Self.fixture()
    try await fixture.run(
      """
      CREATE INDEX ON low (id) WHERE embedding IS NULL;
      CREATE INDEX ON "Parts of it"."Even" (id) WHERE embedding IS NULL
      """)
    let store = try await fixture.openImpatient()
    let rows = try await fixture.run(
      "SELECT tableoid, count(*) FROM messages WHERE embedding IS NULL GROUP BY 1")
    for partition in try await store.partitions(of: Self.source) {
      let ids = try await Self.ids(try await Self.shard(partition, store))
      #expect(rows.contains([partition.id, "\(ids.count)"]))
    }
    await store.close()
  }

  @Test func `a table without partitions is one shard, and a view's table is refused`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    let store = try await fixture.openImpatient()
    try await fixture.insert([1: "one", 2: "two"])
    #expect(try await store.cutByPartition(fixture.source) == [ShardCut(range: .whole, rows: 2)])
    await store.close()

    let partitioned = try await Self.fixture()
    try await partitioned.run("CREATE VIEW shown AS SELECT * FROM messages")
    let reading = try await partitioned.openImpatient()
    let source = Source(table: "messages", view: TableName(schema: nil, "shown"))
    let failure = await #expect(throws: Failure.self) { try await reading.partitions(of: source) }
    #expect(failure?.exitCode == .configuration)
    await reading.close()
  }
}
