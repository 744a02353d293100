import Backfill
import TestSupport
import Testing

/// Runs that die and begin again, on a virtual clock: together they keep the limits that each of them keeps (P6).
@Suite struct EarlierUseTests {
  /// What a ledger knows of the requests, whoever sent them.
  struct Account {
    var now: Duration = .zero
    var sent: [(time: Duration, tokens: Int)] = []

    var lastMinute: EarlierUse {
      EarlierUse(
        requests: sent.filter { now - $0.time <= .seconds(60) }
          .map { EarlierUse.Request(age: now - $0.time, tokens: $0.tokens) })
    }

    /// One run that dies after so many requests, or after so long.
    mutating func crash(
      _ limits: Job.Limits, requests: Int, tokens: ClosedRange<Int>, within life: Duration,
      remembers: Bool = true, using random: inout SeededGenerator
    ) {
      var limiter = RateLimiter(limits, after: remembers ? lastMinute : EarlierUse())
      let began = now
      for _ in 0..<requests {
        let count = Int.random(in: tokens, using: &random)
        let wait = limiter.wait(forTokens: count, at: now - began)
        guard now + wait - began < life else { break }
        now += wait
        _ = limiter.sent(tokens: count, at: now - began)
        sent.append((now, count))
      }
      now += .milliseconds(50)
    }

    /// The most requests and tokens of any minute.
    var most: (requests: Int, tokens: Int) {
      var most = (requests: 0, tokens: 0)
      var first = 0
      var tokens = 0
      for index in sent.indices {
        tokens += sent[index].tokens
        while sent[index].time - sent[first].time >= .seconds(60) {
          tokens -= sent[first].tokens
          first += 1
        }
        most = (max(most.requests, index - first + 1), max(most.tokens, tokens))
      }
      return most
    }
  }

  @Test(arguments: [1, 2, 60, 3_000], 1...3 as ClosedRange<UInt64>)
  func `no minute of a crash loop has more requests than the limit`(perMinute: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var account = Account()
    let minutes = perMinute > 100 ? 1.2 : 5.0
    while account.now < .seconds(60 * minutes) {
      account.crash(
        Job.Limits(requestsPerMinute: perMinute), requests: .random(in: 1...5, using: &random), tokens: 1...10,
        within: .milliseconds(.random(in: 10...4_000, using: &random)), using: &random)
    }
    #expect(account.most.requests <= perMinute)
    // It isn't bought by standing still.
    #expect(Double(account.sent.count) >= 0.9 * minutes * Double(perMinute) - 1)
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `no minute of a crash loop has more tokens than the limit`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var account = Account()
    while account.now < .seconds(300) {
      account.crash(
        Job.Limits(tokensPerMinute: 10_000), requests: .random(in: 1...3, using: &random), tokens: 50...500,
        within: .seconds(10), using: &random)
    }
    // As in a run that never dies: 98 percent, a second's burst, and one request that overdraws.
    #expect(account.most.tokens <= 9_800 + 164 + 500)
    #expect(account.sent.reduce(0) { $0 + $1.tokens } >= 40_000)
  }

  @Test func `a loop that forgets passes the limit many times over: the crashes do happen`() {
    var random = SeededGenerator(seed: 1)
    var account = Account()
    while account.now < .seconds(60) {
      account.crash(
        Job.Limits(requestsPerMinute: 60), requests: 2, tokens: 1...10, within: .milliseconds(300), remembers: false,
        using: &random)
    }
    #expect(account.most.requests > 150)
  }

  @Test func `limits that an earlier run was told hold from the start, and never raise the job's own`() {
    let told = EarlierUse(
      requests: [EarlierUse.Request(age: .seconds(1), tokens: 10)], told: Job.Limits(requestsPerMinute: 6))
    var limiter = RateLimiter(Job.Limits(), after: told)
    #expect((.seconds(9)...(.seconds(10))).contains(limiter.wait(forTokens: 10, at: .zero)))
    var own = RateLimiter(Job.Limits(requestsPerMinute: 1), after: told)
    #expect(own.wait(forTokens: 10, at: .zero) > .seconds(59))
  }

  @Test func `what was sent at a much higher rate is forgotten after a minute`() {
    let earlier = EarlierUse(
      requests: (0..<3_000).map { EarlierUse.Request(age: .milliseconds(60_000 - 20 * $0), tokens: 1_000) })
    var limiter = RateLimiter(Job.Limits(requestsPerMinute: 6, tokensPerMinute: 10_000), after: earlier)
    #expect((.seconds(50)...(.seconds(75))).contains(limiter.wait(forTokens: 100, at: .zero)))
    #expect(limiter.wait(forTokens: 100, at: .seconds(75)) == .zero)
  }

  @Test func `a limit that is told later counts what was sent before it was known`() {
    var limiter = RateLimiter(
      Job.Limits(),
      after: EarlierUse(requests: (0..<5).map { EarlierUse.Request(age: .seconds(5 - $0), tokens: 10) }))
    #expect(limiter.wait(forTokens: 10, at: .zero) == .zero)
    _ = limiter.sent(tokens: 10, at: .zero)
    var hints = RateLimitHints()
    hints.requestLimit = 6
    limiter.learn(hints, at: .milliseconds(100))
    #expect(limiter.wait(forTokens: 10, at: .milliseconds(100)) > .seconds(45))
  }
}
