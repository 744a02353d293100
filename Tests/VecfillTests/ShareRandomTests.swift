import Backfill
import Foundation
import TestSupport
import Testing

/// Real processes with `share: database` and `spool: database`, on hosts whose clocks differ: killed, some with their disk,
/// stopped for a while, and cut off from the database, at random. `scripts/crash share` tries more of them.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct ShareRandomTests {
  /// `VECFILL_SHARED=300` tries so many cases; `VECFILL_SEED=17` tries the one of that seed alone.
  static let seeds: [UInt64] =
    if let seed = ProcessInfo.processInfo.environment["VECFILL_SEED"].flatMap(UInt64.init) {
      [seed]
    } else {
      (0..<(ProcessInfo.processInfo.environment["VECFILL_SHARED"].flatMap(Int.init) ?? 3))
        .map { _ in .random(in: 0..<1 << 32) }
    }

  @Test(arguments: seeds)
  func `limit and budget are kept, rows are right, and nothing that was received is paid twice`(seed: UInt64)
    async throws
  {
    let plan = ShareCase(seed: seed)
    var options = EmbeddingsServer.Options()
    // Nobody has more than 2 s of the limit at once.
    options.quota = ProviderQuota(
      requestsPerMinute: plan.requestsPerMinute, tokensPerMinute: plan.tokensPerMinute, burst: .seconds(2))
    options.latency = .longTailed(median: 0.04, slow: 0.3)
    options.tokens = ShareCase.tokens
    try await Scene.run(plan.engine, options) { scene in
      let world = try await ShareWorld(plan, scene)
      try await world.disturb()
      let exits = try await world.end()
      let record = scene.server.record
      let billed = Double(record.billedTokens) * plan.price / 1_000_000
      let burst = world.share.burst(
        requestsPerMinute: plan.requestsPerMinute, tokensPerMinute: plan.tokensPerMinute)
      print(
        "figure: \(plan): \(world.happened); billed \(billed), \(record.requests.count) requests, at most "
          + "\((burst * 100).rounded() / 100) s of the limit at once, exits \(exits)")

      #expect(scene.server.throttled == 0, "\(plan)")
      let most = world.share.most(in: 60)
      #expect(most.requests <= plan.requestsPerMinute && most.tokens <= plan.tokensPerMinute, "\(plan): \(most)")
      #expect(billed <= plan.budget ?? .infinity, "\(plan)")
      let isComplete = exits.allSatisfy { $0 == 0 }
      #expect(isComplete || plan.budget != nil && exits.allSatisfy { [0, 82].contains($0) }, "\(plan): \(exits)")
      for table in plan.tables {
        #expect(try await world.share.wrongRows(table, mayLack: !isComplete) == 0, "\(plan)")
      }
      #expect(try await world.held() == 0, "\(plan)")
      for (requests, texts) in world.durable {
        #expect(
          record.requests.dropFirst(requests).flatMap(\.digests).count { texts.contains($0) } == 0,
          "\(plan): asked for what was received")
      }
      #expect(record.billedAgain <= plan.concurrency * plan.batchSize * world.happened.kills, "\(plan)")
      #expect(world.happened.count > 0, "\(plan): nothing happened")
    }
  }
}

/// What one case is.
struct ShareCase: CustomStringConvertible, Sendable {
  let seed: UInt64
  let engine: ChatDatabase.Engine
  let processes: Int
  /// Whether they fill the shards of one table; else each has a table of its own.
  let isSharded: Bool
  let requestsPerMinute: Int
  let tokensPerMinute: Int
  let batchSize: Int
  let concurrency: Int
  let rows: Int
  /// Dollars per million tokens.
  let price = 4.0
  /// nil for none.
  let budget: Double?
  /// By how many seconds each host's clock is ahead.
  let clocks: [Int]
  let events: Int

  init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    self.seed = seed
    engine = Bool.random(using: &random) ? .postgres16 : .postgres18
    processes = .random(in: 2...8, using: &random)
    isSharded = .random(using: &random)
    // That many requests a second, whichever of the two limits binds.
    let rate = Int.random(in: 10...40, using: &random)
    batchSize = .random(in: 1...6, using: &random)
    concurrency = .random(in: 2...8, using: &random)
    let requests = rate * Int.random(in: 4...8, using: &random)
    rows = requests * batchSize / processes + 1
    clocks = (0..<processes).map { _ in [0, 0, 90, -90, 7_200, -86_400].randomElement(using: &random) ?? 0 }
    events = .random(in: 3...8, using: &random)
    let tokens = Self.tokens("1 100 \(Self.text)")
    let doTokensBind = Bool.random(using: &random)
    requestsPerMinute = doTokensBind ? 10_000 : rate * 60
    tokensPerMinute = doTokensBind ? rate * 60 * batchSize * tokens : 10_000_000
    let all = Double(processes * rows * tokens) * price / 1_000_000
    let share: Double? =
      switch Int.random(in: 0..<3, using: &random) {
      case 0: nil
      case 1: Double.random(in: 0.3...0.9, using: &random)
      default: 3
      }
    budget = share.map { max((all * $0 * 1e9).rounded() / 1e9, 0.0001) }
  }

  static let text = "some more of the text"

  /// As the provider counts them, which is no tokenizer that vecfill has.
  @Sendable static func tokens(_ text: String) -> Int { text.utf8.count / 2 + 1 }

  var tables: Range<Int> { 0..<(isSharded ? 1 : processes) }

  var description: String {
    "VECFILL_SEED=\(seed): \(processes) \(isSharded ? "shards" : "jobs") of \(rows) rows on \(engine.rawValue), "
      + "\(requestsPerMinute) requests/min, \(tokensPerMinute) tokens/min, \(concurrency) x \(batchSize), budget \(budget.map { "\($0)" } ?? "none")"
  }
}
