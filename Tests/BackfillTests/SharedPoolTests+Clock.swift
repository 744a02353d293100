import TestSupport
import Testing

@testable import Backfill

/// A database's clock that is put back, as after a failover to a host whose clock is behind.
extension SharedPoolTests {
  @Test(arguments: [4_998, 4_000, 10.0])
  func `a database's clock that is put back forgets nothing`(time: Double) throws {
    var pool = SharedPool(at: 5_000)
    let low = Job.Limits(requestsPerMinute: 3_000, tokensPerMinute: 500_000)
    let rate = try #require(SharedRate(low.tokensPerMinute))
    _ = pool.claim(Self.ask(limits: low), by: Self.member("a"), at: 5_000.1)
    let given = pool.claim(Self.ask(limits: low), by: Self.member("a"), at: 5_001).tokens ?? 0
    #expect(given > 0)
    _ = pool.claim(Self.ask(), by: Self.member("b"), at: time)
    let grant = pool.claim(Self.ask(), by: Self.member("b"), at: time + 1.9)
    #expect(grant.limits == low && grant.requests ?? 0 >= 1)
    // The first process may send its slice now.
    #expect(given + (grant.tokens ?? 0) + pool.level.tokens <= rate.capacity)
  }

  @Test(arguments: [0, 1, 3, 30, 900.0], [(3_000, 100_000_000), (1_000_000, 1_000_000)])
  func `a database's clock that is put back holds nobody up`(seconds: Double, limits: (requests: Int, tokens: Int)) {
    let limits = Job.Limits(requestsPerMinute: limits.requests, tokensPerMinute: limits.tokens)
    var world = SimulatedSharers(seed: 7, limits: limits, sharers: 2, hasFaults: false)
    world.clockBack = (1_030, seconds)
    world.run(until: 95)
    let sent = world.sent.filter { (1_032..<1_092).contains($0.time) }
    let used = [
      Double(sent.count) / Double(limits.requestsPerMinute ?? 1),
      sent.reduce(0) { $0 + $1.tokens } / Double(limits.tokensPerMinute ?? 1),
    ]
    #expect(used.max() ?? 0 >= 0.94 && used.max() ?? 2 <= 1, "\(used)")
    #expect(world.fullest.requests <= 1 + 1e-9 && world.fullest.tokens <= 1 + 1e-9)
  }

  @Test(arguments: [5_001.5, 4_000, 10.0])
  func `what a provider asks of one to wait ends at its time, also by a clock that was put back`(time: Double) {
    var pool = SharedPool(at: 5_000)
    var told = Self.ask()
    told.heldFor = .seconds(3)
    _ = pool.claim(told, by: Self.member("a"), at: 5_001.5)
    #expect(pool.claim(Self.ask(), by: Self.member("b"), at: time).requests == 0)
    #expect(pool.claim(Self.ask(), by: Self.member("b"), at: time + 2.5).requests == 0)
    #expect(pool.claim(Self.ask(), by: Self.member("b"), at: time + 3.5).requests ?? 0 >= 1)
  }

  @Test(arguments: [5_001, 4_000, 10.0])
  func `one who waits is served before those who come later`(time: Double) {
    var pool = SharedPool(at: 5_000)
    let large = Self.ask(tokens: 13_000)
    _ = pool.claim(large, by: Self.member("a"), at: 5_001)
    #expect(pool.claim(large, by: Self.member("b"), at: 5_001.01).tokens == 0)
    _ = pool.claim(Self.ask(tokens: 100), by: Self.member("a"), at: time)
    // What has come since then would be enough for this one.
    #expect(pool.claim(Self.ask(tokens: 100), by: Self.member("c"), at: time + 0.1).tokens == 0)
    #expect(pool.claim(large, by: Self.member("b"), at: time + 0.9).tokens == 13_000)
  }

  @Test(arguments: [5_001.5, 4_000, 10.0])
  func `the limits of one that is gone hold for a minute, also by a clock that was put back`(time: Double) {
    var pool = SharedPool(at: 5_000)
    let low = Job.Limits(requestsPerMinute: 60, tokensPerMinute: nil)
    _ = pool.claim(Self.ask(limits: low), by: Self.member("a"), at: 5_001)
    _ = pool.claim(Self.ask(), by: Self.member("b"), at: 5_001.5)
    _ = pool.claim(Self.ask(), by: Self.member("b"), at: time)
    #expect(pool.claim(Self.ask(), by: Self.member("b"), at: time + 50).limits.requestsPerMinute == 60)
    #expect(pool.claim(Self.ask(), by: Self.member("b"), at: time + 61).limits == Self.limits)
  }
}
