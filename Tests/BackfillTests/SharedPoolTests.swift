import TestSupport
import Testing

@testable import Backfill

/// One limit and one budget for many processes, as values.
struct SharedPoolTests {
  static let limits = Job.Limits(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000)

  static func member(_ name: String, session: String = "1") -> ShareMember {
    ShareMember(
      pool: "host model", participant: name, session: "\(name) \(session)", job: "job", process: "host pid 1")
  }

  static func ask(
    used: ShareAmount = ShareAmount(), tokens: Double = 100, limits: Job.Limits = limits
  ) -> ShareAsk {
    var ask = ShareAsk()
    ask.used = used
    ask.next = ShareAmount(requests: 1, tokens: tokens)
    ask.limits = limits
    return ask
  }

  /// On a good line and on a bad one.
  @Test(arguments: 0..<30, [0.03, 0.4])
  func `whatever is killed, stands still or is lost, no 60 s pass a limit and no spending the budget`(
    seed: Int, lostAnswer: Double
  ) {
    var random = SeededGenerator(seed: UInt64(seed))
    let limits = Job.Limits(
      requestsPerMinute: Int.random(in: 100...6_000, using: &random),
      tokensPerMinute: Int.random(in: 400_000...2_000_000, using: &random))
    let budget = Double.random(in: 0.5...20, using: &random)
    var world = SimulatedSharers(
      seed: UInt64(seed), limits: limits, budget: budget, lostAnswer: lostAnswer, hasFaults: true)
    world.run(until: 170)
    #expect(world.fullest.requests <= 1 + 1e-9 && world.fullest.tokens <= 1 + 1e-9)
    #expect(world.most.requests <= Double(limits.requestsPerMinute ?? 0))
    #expect(world.most.tokens <= Double(limits.tokensPerMinute ?? 0))
    #expect(world.billed <= budget && world.unbooked == 0)
    #expect(world.sent.count > 20)
    #expect(world.kills + world.stands + world.lostAnswers > 0)
  }

  @Test(arguments: [1, 2, 4, 8], [(3_000, 100_000_000), (1_000_000, 1_000_000)])
  func `without faults the limit that binds is used to 95 percent, by all alike`(
    count: Int, limits: (requests: Int, tokens: Int)
  ) {
    let limits = Job.Limits(requestsPerMinute: limits.requests, tokensPerMinute: limits.tokens)
    var world = SimulatedSharers(seed: 7, limits: limits, sharers: count, hasFaults: false)
    world.run(until: 75)
    let used = [
      world.most.requests / Double(limits.requestsPerMinute ?? 1),
      world.most.tokens / Double(limits.tokensPerMinute ?? 1),
    ]
    #expect(used.max() ?? 0 >= 0.95 && used.max() ?? 2 <= 1, "\(used)")
  }

  @Test(arguments: [1.3, 1.75, 3], [1, 4, 8])
  func `a provider that counts more tokens than were reckoned with keeps its limit`(ratio: Double, count: Int) {
    let limits = Job.Limits(requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000)
    var world = SimulatedSharers(
      seed: 7, limits: limits, sharers: count, tokens: 300, billedPerToken: ratio, hasFaults: false)
    world.run(until: 130)
    let used = world.most.tokens / 1_000_000
    print("figure: \(count) sharers, \(ratio) tokens for one: \((used * 1000).rounded() / 10) % of the limit")
    #expect(used <= 1 && used >= 0.93, "\(used)")
  }

  @Test(arguments: [true, false])
  func `what was used beyond what was given is taken from what lies ready, and only once`(isReleased: Bool) {
    var pool = SharedPool(at: 0)
    var used = ShareAmount(requests: 1, tokens: pool.claim(Self.ask(), by: Self.member("a"), at: 10).tokens ?? 0)
    let ready = pool.level.tokens
    used.tokens += 5_000
    guard !isReleased else {
      pool.release(used, by: Self.member("a"), at: 10)
      #expect(pool.level.tokens == ready - 5_000)
      return
    }
    for _ in 0..<3 {
      let given = pool.claim(Self.ask(used: used), by: Self.member("a"), at: 10).tokens ?? 0
      #expect(abs(given + pool.level.tokens - used.tokens - (ready - 5_000)) < 1e-6)
    }
    // A pool that knows nothing of it, as after its row was deleted.
    var other = SharedPool(at: 10)
    _ = other.claim(Self.ask(used: used), by: Self.member("a"), at: 10)
    #expect(other.level.tokens >= 0)
  }

  @Test(arguments: [true, false])
  func `what was used while there was no limit is not owed when one comes`(ofTokens: Bool) {
    func limits(_ isSet: Bool) -> Job.Limits {
      Job.Limits(
        requestsPerMinute: isSet || ofTokens ? 6_000 : nil, tokensPerMinute: isSet || !ofTokens ? 100_000 : nil)
    }
    var pool = SharedPool(at: 0)
    var used = ShareAmount()
    for second in 0..<3_600 {
      _ = pool.claim(Self.ask(used: used, limits: limits(false)), by: Self.member("a"), at: Double(second))
      used = ShareAmount(requests: used.requests + 50, tokens: used.tokens + 1_000)
      if ofTokens { used.tokens += 2_000 } else { used.requests += 50 }
    }
    var seconds = 0.0
    while seconds < 600, (ofTokens ? pool.level.tokens : pool.level.requests) <= 0 || seconds == 0 {
      seconds += 1
      for name in ["b", "a"] {
        _ = pool.claim(
          Self.ask(used: name == "a" ? used : ShareAmount(), limits: limits(true)), by: Self.member(name),
          at: 3_600 + seconds)
      }
    }
    #expect(seconds <= 60)
  }

  @Test(
    arguments: [([400, -400], 0), ([-400, 400], 0), ([300, 200, -100], 400), ([-300, 100], 0)]
      as [([Double], Double)])
  func `replies that bill more and replies that bill less make up for one another until the next claim`(
    replies: [Double], told: Double
  ) {
    var share = HeldShare()
    share.sent(ShareAmount(requests: 1, tokens: 1_000))
    for more in replies { share.took(moreTokens: more) }
    var ask = ShareAsk()
    share.ask(&ask, at: .zero)
    #expect(ask.used.tokens == 1_000 + told)
    share.granted(ShareGrant(), at: .zero)
    share.took(moreTokens: 50)
    share.ask(&ask, at: .seconds(1))
    #expect(ask.used.tokens == 1_000 + told + 50)
  }

  @Test func `requests that are larger than a slice keep the limit too`() {
    for tokens in [30_000.0, 90_000, 400_000] {
      var pool = SharedPool(at: 0)
      var (used, sent, now) = (ShareAmount(), [Double](), 0.0)
      while now < 200 {
        let grant = pool.claim(Self.ask(used: used, tokens: tokens), by: Self.member("a"), at: now)
        if grant.tokens ?? 0 >= used.tokens + tokens {
          used = ShareAmount(requests: used.requests + 1, tokens: used.tokens + tokens)
          sent.append(now)
        }
        now += 0.05
      }
      for start in sent { #expect(Double(sent.count { (start..<start + 60).contains($0) }) * tokens <= 1_000_000) }
      #expect(sent.count > 3)
    }
  }

  @Test func `the lowest limit of all who share holds, as long as its owner was seen within a minute`() {
    var pool = SharedPool(at: 0)
    _ = pool.claim(Self.ask(), by: Self.member("a"), at: 1)
    let low = Job.Limits(requestsPerMinute: 60, tokensPerMinute: nil)
    #expect(pool.claim(Self.ask(limits: low), by: Self.member("b"), at: 2).limits.requestsPerMinute == 60)
    #expect(pool.claim(Self.ask(), by: Self.member("a"), at: 50).limits.requestsPerMinute == 60)
    #expect(pool.claim(Self.ask(), by: Self.member("a"), at: 63).limits == Self.limits)
  }

  @Test func `where nobody knows a limit, nothing is held back`() {
    var pool = SharedPool(at: 0)
    let grant = pool.claim(Self.ask(limits: Job.Limits()), by: Self.member("a"), at: 1)
    #expect(grant.requests == nil && grant.tokens == nil && grant.retryAfter == .zero)
  }

  @Test func `what a provider asks of one to wait, all wait`() {
    var pool = SharedPool(at: 0)
    _ = pool.claim(Self.ask(), by: Self.member("a"), at: 1)
    var told = Self.ask()
    told.heldFor = .seconds(7)
    _ = pool.claim(told, by: Self.member("b"), at: 2)
    let grant = pool.claim(Self.ask(used: ShareAmount(requests: 99, tokens: 9_900)), by: Self.member("a"), at: 4)
    #expect(grant.requests == 99)
    #expect(grant.retryAfter == .seconds(5))
  }

  /// Just before it lapses, and the pool hears of it before or after that.
  @Test(arguments: [11.95, 12.5])
  func `what is sent at the last moment was not refilled before`(time: Double) {
    var pool = SharedPool(at: 0)
    let used = pool.claim(Self.ask(), by: Self.member("a"), at: 10).tokens ?? 0
    let ready = pool.level.tokens
    let given = pool.claim(Self.ask(used: ShareAmount(requests: 1, tokens: used)), by: Self.member("a"), at: time)
      .tokens
    #expect(abs((given ?? 0) - used + pool.level.tokens - ready) < 1e-6)
  }

  @Test func `a slice that is given back is there for others, and one that lapsed is not`() {
    for (isReleased, isThere) in [(true, true), (false, false)] {
      var pool = SharedPool(at: 0)
      _ = pool.claim(Self.ask(), by: Self.member("a"), at: 10)
      let before = pool.level.tokens
      if isReleased { pool.release(ShareAmount(), by: Self.member("a"), at: 10) }
      #expect((pool.level.tokens > before) == isThere)
    }
  }

  @Test func `a ledger's next process gets no part of what the killed one holds until that has lapsed`() throws {
    var pool = SharedPool(at: 0)
    let rate = try #require(SharedRate(3_000))
    var given = pool.claim(Self.ask(), by: Self.member("a"), at: 10).requests ?? 0
    given += pool.claim(Self.ask(), by: Self.member("a", session: "2"), at: 10.1).requests ?? 0
    given += pool.claim(Self.ask(), by: Self.member("a", session: "3"), at: 10.2).requests ?? 0
    #expect(given > rate.most && given <= rate.capacity + rate.perSecond * 0.2)
  }

  /// Where one request is more than 0.8 s of the limit. Each process has a pace of its own, and asks for nothing between.
  @Test(arguments: [(30, 60_000_000, 100.0), (60, 60_000_000, 100), (1_000_000, 60_000, 3_000)], [1, 2, 4, 8])
  func `a low limit is used to 93 percent, by however many`(
    limits: (requests: Int, tokens: Int, size: Double), count: Int
  ) {
    let pause = max(60 / Double(limits.requests), limits.size * 60 / Double(limits.tokens))
    var world = SimulatedSharers(
      seed: 7, limits: Job.Limits(requestsPerMinute: limits.requests, tokensPerMinute: limits.tokens),
      sharers: count, tokens: limits.size, pause: pause, hasFaults: false)
    world.run(until: 330)
    let steady = Double(world.sent.count { $0.time >= 1_030 }) * 60 / 300
    let used = max(steady / Double(limits.requests), steady * limits.size / Double(limits.tokens))
    let most = max(world.most.requests / Double(limits.requests), world.most.tokens / Double(limits.tokens))
    print("figure: \(count) processes, \(limits): \((used * 1000).rounded() / 10) % of the limit")
    #expect((0.93...1).contains(used) && most <= 1, "\(used), \(most)")
  }

  /// Requests of half a second of the limit and more. A process whose requests are all in flight has sent its slice.
  @Test(arguments: [
    (2, 1, 1.4, 0.75), (3, 1, 1.2, 0.5), (2, 2, 2.8, 0.75), (1, 4, 3, 0.75), (4, 1, 1.5, 0.5), (8, 1, 2.5, 0.5),
  ])
  func `a limit is used by few requests at once, as large as they may be`(
    count: Int, concurrency: Int, latency: Double, seconds: Double
  ) {
    let limits = Job.Limits(requestsPerMinute: nil, tokensPerMinute: 1_000_000)
    var world = SimulatedSharers(
      seed: 7, limits: limits, sharers: count, tokens: seconds * 1_000_000 / 60, concurrency: concurrency,
      latency: latency...latency, hasFaults: false)
    world.run(until: 330)
    let used = Double(world.sent.count { $0.time >= 1_030 }) * seconds / 300
    print(
      "figure: \(count) processes of \(concurrency), \(latency) s, \(seconds): \((used * 1000).rounded() / 10) %, \(world.claims / 330) claims/s"
    )
    #expect((0.93...1).contains(used) && world.fullest.tokens <= 1 + 1e-9, "\(used)")
  }

  /// Told as sent, lapsed, or held all along.
  @Test(arguments: [(1.0, 10.5), (0, 15), (0, 10.5)], [true, false])
  func `a limit that falls stops nobody for more than a minute`(use: (sent: Double, time: Double), ofTokens: Bool) {
    func limits(_ limit: Int) -> Job.Limits {
      Job.Limits(requestsPerMinute: ofTokens ? nil : limit, tokensPerMinute: ofTokens ? limit * 100 : nil)
    }
    var pool = SharedPool(at: 0)
    let grant = pool.claim(Self.ask(limits: limits(30_000)), by: Self.member("a"), at: 10)
    let given = (grant.requests ?? (grant.tokens ?? 0) / 100) * use.sent
    let used = ShareAmount(requests: given, tokens: given * 100)
    #expect(grant.requests ?? grant.tokens ?? 0 > 0)
    var now = use.time
    while now < use.time + 70 {
      let next = pool.claim(Self.ask(used: used, limits: limits(60)), by: Self.member("a"), at: now)
      guard next.requests ?? .infinity < used.requests + 1 || next.tokens ?? .infinity < used.tokens + 100 else {
        break
      }
      now += 0.5
    }
    #expect(now <= use.time + 65)
  }

  @Test(arguments: 0..<20)
  func `a low limit is passed by nobody, whatever is killed, stands still or is lost`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let limits = Job.Limits(
      requestsPerMinute: Int.random(in: 5...90, using: &random), tokensPerMinute: 2_000_000)
    let budget = Double.random(in: 2...10, using: &random)
    var world = SimulatedSharers(seed: UInt64(seed), limits: limits, budget: budget, hasFaults: true)
    world.run(until: 170)
    #expect(world.most.requests <= Double(limits.requestsPerMinute ?? 0))
    #expect(world.billed <= budget && world.unbooked == 0)
    #expect(world.sent.count > 5)
  }

  @Test func `a process that stood still finds its slice lapsed, counted from before it asked`() {
    var share = HeldShare()
    var ask = Self.ask()
    share.ask(&ask, at: .seconds(5))
    var grant = ShareGrant()
    (grant.requests, grant.tokens) = (10, 10_000)
    share.granted(grant, at: .seconds(6))
    let next = ShareAmount(requests: 1, tokens: 100)
    #expect(share.holds(next, committed: 0, at: .seconds(6.9)))
    #expect(!share.holds(next, committed: 0, at: .seconds(7)))
  }

  /// Sums of dollars come out a little higher or lower, by the order in which they are added up.
  @Test(arguments: [(0.3, 0.3 + 1e-16), (0.3, 0.3), (0.3 + 1e-16, 0.3)])
  func `money that is enough for a request is kept while more is asked for`(_ least: Double, _ committed: Double) {
    var share = HeldShare()
    var ask = Self.ask()
    share.ask(&ask, at: .zero)
    var grant = ShareGrant()
    grant.committed = committed
    share.granted(grant, at: .zero)
    #expect(share.holds(ShareAmount(), committed: least, at: .zero))
    (ask.dollars.spent, ask.dollars.least, ask.dollars.wanted) = (0.2, least, 0.4)
    share.ask(&ask, at: .zero)
    #expect(ask.dollars.kept == committed)
  }

  @Test(
    arguments: [
      // spent, reserved, kept, least, wanted, others: what is committed.
      (1.0, 0.5, 1.5, 2.0, 4.0, 3.0, 4.0), (1, 0.5, 1.5, 2, 4, 7, 3), (1, 0.5, 1.5, 2, 4, 8.5, 1.5),
      (1, 0.5, 1.9, 2, 4, 8.5, 1.9), (1, 0.5, 1.5, 2, 4, 20, 1.5),
    ])
  func `money is given as far as all others leave it`(
    _ spent: Double, _ reserved: Double, _ kept: Double, _ least: Double, _ wanted: Double, _ others: Double,
    _ committed: Double
  ) {
    var dollars = ShareAsk.Dollars()
    (dollars.spent, dollars.reserved, dollars.kept) = (spent, reserved, kept)
    (dollars.least, dollars.wanted, dollars.budget) = (least, wanted, 10)
    #expect(dollars.committed(besides: others) == committed)
  }
}
