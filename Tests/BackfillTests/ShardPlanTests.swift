import Backfill
import Testing

@Suite struct ShardPlanTests {
  private static let work = ShardWork(
    Job(name: "job", sources: [Source(table: "a")], model: Model(name: "m", dimensions: 3)), Source(table: "a"))

  private static func shard(_ number: Int, of count: Int, plan: String = "1", done: String? = nil) -> StoredShard {
    StoredShard(
      number: number, count: count, range: .whole, rows: 5, work: work, plan: plan, begun: done, done: done, worker: "w"
    )
  }

  @Test(arguments: [(1_000_003, 16), (16, 16), (17, 16), (1, 1)])
  func `shards differ by one row at most, and have all rows`(rows: Int, count: Int) throws {
    let cuts = ShardCut.all(count, bounds: (1..<Int64(count)).map(RowKey.integer), rows: rows)
    let sizes = cuts.map(\.rows)
    #expect(sizes.reduce(0, +) == rows)
    #expect(try #require(sizes.max()) - #require(sizes.min()) <= 1)
    #expect(cuts.first?.range.after == nil && cuts.last?.range.through == nil)
    for (one, next) in zip(cuts, cuts.dropFirst()) { #expect(one.range.through == next.range.after) }
  }

  @Test func `without bounds the first shard has all rows, and the others none`() {
    let cuts = ShardCut.all(4, bounds: [], rows: 3)
    #expect(cuts.map(\.rows) == [3, 0, 0, 0])
    #expect(cuts.map(\.range) == [.whole, .none, .none, .none])
  }

  @Test func `a shard is done where its part of each table is, and at work while somebody has its lock`() throws {
    let parts = [
      [Self.shard(0, of: 3, done: "x"), Self.shard(1, of: 3, done: "x"), Self.shard(2, of: 3, done: "x")],
      [Self.shard(0, of: 3, done: "y"), Self.shard(1, of: 3), Self.shard(2, of: 3, done: "y")],
    ]
    let plan = try #require(ShardPlan(parts, holders: [2: "vecfill a"]))
    #expect(plan.shards.map(\.state) == [.done, .open, .working])
    #expect(plan.shards.map(\.rows) == [10, 10, 10])
    #expect(plan.unfinished.map(\.description) == ["1 is open", "2 is at work (vecfill a)"])
  }

  @Test func `tables that are cut apart have their shards one after the other, each with rows of one table`() {
    let parts = (1...3).map { ShardRange.Partition(id: "\($0)", name: "p\($0)") }
    let cuts = ShardCut.apart([
      parts.map { ShardCut(range: ShardRange(partition: $0), rows: 7) }, [ShardCut(range: .whole, rows: 5)],
    ])
    #expect(cuts.map { $0.map(\.rows) } == [[7, 7, 7, 0], [0, 0, 0, 5]])
    #expect(cuts[0].map(\.range.partition) == parts + [nil])
    #expect(cuts[0].last?.range == ShardRange.none)
    #expect(cuts[1].map(\.range) == [.none, .none, .none, .whole])
  }

  @Test func `a plan of partitions knows those that came and those that went`() throws {
    let parts = (1...3).map { ShardRange.Partition(id: "\($0)", name: "p\($0)") }
    let plan = try #require(
      ShardPlan([
        parts.prefix(2).enumerated().map { number, part in
          StoredShard(
            number: number, count: 2, range: ShardRange(partition: part), rows: 1, work: Self.work, plan: "1",
            begun: nil, done: nil, worker: nil)
        }
      ]))
    #expect(plan.isOfPartitions)
    #expect(plan.shards.map(\.partition) == Array(parts.prefix(2)))
    #expect(plan.unplanned(of: parts) == [parts[2]])
    #expect(!plan.isOutOfDate(for: [parts[1], ShardRange.Partition(id: "1", name: "renamed")]))
    #expect(plan.isOutOfDate(for: parts) && plan.isOutOfDate(for: [parts[0]]))
  }

  @Test func `parts of several plans are none`() {
    #expect(ShardPlan([[Self.shard(0, of: 1)], [Self.shard(0, of: 1, plan: "2")]]) == nil)
    #expect(ShardPlan([[Self.shard(0, of: 1)], []]) == nil)
    #expect(ShardPlan([]) == nil)
  }

  @Test(arguments: [
    ("another model", Job(name: "job", sources: [], model: Model(name: "n", dimensions: 3)), Source(table: "a")),
    (
      "another condition", Job(name: "job", sources: [], model: Model(name: "m", dimensions: 3)),
      Source(table: "a", condition: "id > 3")
    ),
    (
      "another order", Job(name: "job", sources: [], model: Model(name: "m", dimensions: 3)),
      Source(table: "a", order: .newest)
    ),
    (
      "another key", Job(name: "job", sources: [], model: Model(name: "m", dimensions: 3)),
      Source(table: "a", keys: ["b"])
    ),
  ])
  func `a plan is of one job`(name: String, job: Job, source: Source) throws {
    let plan = try #require(ShardPlan([[Self.shard(0, of: 1)]]))
    #expect(plan.difference(from: [ShardWork(job, source)]) != nil)
    #expect(plan.difference(from: [Self.work]) == nil)
    #expect(ShardWork(recorded: try ShardWork(job, source).recorded()) == ShardWork(job, source))
  }
}
