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
