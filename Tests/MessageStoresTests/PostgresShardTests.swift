import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

@Suite struct PostgresShardTests {
  /// Keys that lie together in places and far apart in others.
  struct Keys: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let kind: RowKey.Kind
    let make: @Sendable (Int) -> RowKey

    static let all = [
      Keys(testDescription: "integers", kind: .integer) { .integer(Int64($0)) },
      Keys(testDescription: "skewed integers", kind: .integer) { .integer($0 < 900 ? Int64($0) : Int64($0) << 40) },
      Keys(testDescription: "UUIDs", kind: .uuid) { .uuid(uuid($0)) },
      Keys(testDescription: "texts", kind: .text) { .text(($0 % 3 == 0 ? "é" : "a'b") + String($0, radix: 7)) },
      Keys(testDescription: "several columns", kind: .composite([.text, .integer])) {
        .composite([.text($0 < 800 ? "one" : "t\($0 % 5)"), .integer(Int64($0))])
      },
    ]

    private static func uuid(_ number: Int) -> UUID {
      var generator = SeededGenerator(seed: UInt64(number))
      return UUID(
        uuid: withUnsafeBytes(of: (generator.next(), generator.next())) { $0.loadUnaligned(as: uuid_t.self) })
    }
  }

  private static func job(_ source: Source) -> Job {
    Job(name: "job", sources: [source], model: Model(name: "m", dimensions: StoreFixture.dimensions))
  }

  /// An empty table with such a key, read in `order`.
  private static func table(
    _ keys: Keys, _ order: RowOrder
  ) async throws -> (Source, StoreFixture, PostgresMessageStore) {
    let names = if case .composite = keys.kind { ["part", "id"] } else { ["id"] }
    let source = Source(table: "messages", keys: names, text: "content", order: order)
    let fixture = try await StoreFixture(.postgres18, key: keys.kind, source: source)
    return (source, fixture, try await fixture.openImpatient())
  }

  /// Cuts the table, stores the plan, and returns it as it is read again.
  private static func plan(_ store: PostgresMessageStore, _ source: Source, _ count: Int) async throws -> ShardPlan {
    _ = try await store.inspect(source, dimensions: StoreFixture.dimensions)
    try await store.prepareShards(of: [source])
    try await store.store([store.cut(source, into: count)], of: job(source))
    return try #require(try await store.plan(of: [source]))
  }

  private static func keys(
    _ store: PostgresMessageStore, _ source: Source, _ plan: ShardPlan, _ number: Int, limit: Int = 70
  ) async throws -> [RowKey] {
    let shard = PostgresShardStore(store, shard: number, of: plan, [source])
    guard let last = try await shard.lastKey(of: source) else { return [] }
    return try await shard.pages(of: source, PageRequest(through: last, limit: limit)).flatMap(\.messages).map(\.key)
  }

  @Test(arguments: Keys.all, [RowOrder.oldest, .newest])
  func `shards have the same number of rows, and each row is one shard's, also those that come later`(
    keys: Keys, order: RowOrder
  ) async throws {
    let (source, fixture, store) = try await Self.table(keys, order)
    let all = (0..<1_200).map(keys.make)
    // Every fourth row comes after the cut: at both ends and between.
    let late = all.enumerated().filter { $0.offset % 4 == 1 }.map(\.element)
    let early = all.enumerated().filter { $0.offset % 4 != 1 }.map(\.element)
    try await fixture.insert(early.map { ($0, "text") })
    for key in early.prefix(300) { try await fixture.fill(key, with: [1, 2, 3]) }
    let plan = try await Self.plan(store, source, 7)
    var found: [[RowKey]] = []
    for number in 0..<7 { found.append(try await Self.keys(store, source, plan, number)) }
    #expect(found.map(\.count) == plan.shards.map(\.rows))
    #expect(found.allSatisfy { abs(Double($0.count) / (600.0 / 7) - 1) < 0.1 })
    try await fixture.insert(late.map { ($0, "text") })
    found = []
    for number in 0..<7 {
      let own = try await Self.keys(store, source, plan, number)
      let shard = PostgresShardStore(store, shard: number, of: plan, [source])
      #expect(try await shard.countRemaining(in: source) == own.count)
      found.append(own)
    }
    #expect(found.joined().count == 900)
    #expect(Set(found.joined()) == Set(early.dropFirst(300) + late))
    await store.close()
  }

  @Test(arguments: Keys.all, [RowOrder.oldest, .newest])
  func `the last shard ends behind its lower bound, and is empty where the rows behind it are gone`(
    keys: Keys, order: RowOrder
  ) async throws {
    let (source, fixture, store) = try await Self.table(keys, order)
    try await fixture.insert((0..<90).map { (keys.make($0), "text") })
    let plan = try await Self.plan(store, source, 3)
    let last = PostgresShardStore(store, shard: 2, of: plan, [source])
    let own = try await Self.keys(store, source, plan, 2)
    #expect(try await last.lastKey(of: source) == own.last && own.count == 30)
    let conditions = own.map { key in
      guard case .composite(let parts) = key else { return "id = \(fixture.literal(key))" }
      return zip(source.keys, parts).map { "\($0) = \(fixture.literal($1))" }.joined(separator: " AND ")
    }
    try await fixture.run("DELETE FROM messages WHERE \(conditions.joined(separator: " OR "))")
    #expect(try await last.lastKey(of: source) == nil)
    #expect(try await Self.keys(store, source, plan, 1).count == 30)
    await store.close()
  }

  @Test(arguments: [0, 2])
  func `where there are fewer rows than shards, the first shard has all, and what comes`(rows: Int) async throws {
    let fixture = try await StoreFixture(.postgres18)
    let store = try await fixture.openImpatient()
    if rows > 0 { try await fixture.insert((0..<rows).map { (.integer(Int64($0)), "text") }) }
    let plan = try await Self.plan(store, fixture.source, 3)
    try await fixture.insert([(.integer(90), "text"), (.integer(-90), "text")])
    #expect(try await Self.keys(store, fixture.source, plan, 0).count == rows + 2)
    for number in 1..<3 { #expect(try await Self.keys(store, fixture.source, plan, number).isEmpty) }
    await store.close()
  }

  @Test func `a plan that another has replaced is not begun`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    let store = try await fixture.openImpatient()
    try await fixture.insert((0..<9).map { (.integer(Int64($0)), "text") })
    let earlier = try await Self.plan(store, fixture.source, 3)
    _ = try await Self.plan(store, fixture.source, 3)
    let shard = PostgresShardStore(store, shard: 0, of: earlier, [fixture.source])
    let failure = await #expect(throws: Failure.self) { try await shard.claim(fixture.source) }
    // The same command again reads the new plan.
    #expect(failure?.exitCode == .unavailable)
    await store.close()
  }

  @Test func `shards share the column, and keep each other and a whole run from the same rows`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    let stores = [
      try await fixture.openImpatient(), try await fixture.openImpatient(), try await fixture.openImpatient(),
    ]
    try await fixture.insert((0..<9).map { (.integer(Int64($0)), "text") })
    let plan = try await Self.plan(stores[0], fixture.source, 3)
    let source = fixture.source
    let first = try await PostgresShardStore(stores[0], shard: 0, of: plan, [source]).claim(source)
    let second = try await PostgresShardStore(stores[1], shard: 1, of: plan, [source]).claim(source)
    #expect(first.column != second.column)
    await #expect(throws: Failure.self) {
      try await PostgresShardStore(stores[2], shard: 1, of: plan, [source]).claim(source)
    }
    await stores[2].close()
    let whole = try await fixture.openImpatient()
    await #expect(throws: Failure.self) { try await whole.claim(source) }
    #expect(try await whole.plan(of: [source])?.shards.map(\.state) == [.working, .working, .open])
    for store in stores { await store.close() }
    // The server ends their sessions in its own time.
    while (try? await whole.claim(source)) == nil { await Task.yield() }
    await whole.close()
  }

  @Test(arguments: [false, true])
  func `a table of shards that is not to be trusted is refused by name`(isStrangers: Bool) async throws {
    let fixture = try await StoreFixture(.postgres18)
    let store = try await fixture.openImpatient()
    _ = try await store.inspect(fixture.source, dimensions: StoreFixture.dimensions)
    if isStrangers {
      try await store.prepareShards(of: [fixture.source])
      let role = "shards_\(UInt32.random(in: 0...UInt32.max))"
      try await fixture.run("CREATE ROLE \(role)")
      try await fixture.run("ALTER TABLE vecfill_shard OWNER TO \(role)")
    } else {
      try await fixture.run("CREATE TABLE vecfill_shard (database text)")
    }
    let failure = try await #require(throws: Failure.self) { try await store.prepareShards(of: [fixture.source]) }
    #expect(failure.exitCode == .configuration)
    #expect(failure.subject.contains("vecfill_shard"))
    await store.close()
  }
}
