import Backfill
import TestSupport
import Testing

/// Rates that a provider enforces, kept by a whole conductor on a virtual clock (P6).
@Suite struct RateLimitTests {
  /// A limit that binds, of 3,000 requests and 1,000,000 tokens a minute.
  enum Binding: CaseIterable {
    case requests, tokens, tokensOfLargeRequests

    var load: ThrottledProvider.Load {
      switch self {
      case .requests: .init(inputs: 3, tokens: 20...160)
      case .tokens: .init(inputs: 50, tokens: 5...200)
      case .tokensOfLargeRequests: .init(inputs: 100, tokens: 100...900)
      }
    }

    func utilisation(of provider: ThrottledProvider, from start: Double, to end: Double) -> Double {
      let counted = provider.billed.filter { (Duration.seconds(start)..<(.seconds(end))).contains($0.time) }
      let minutes = (end - start) / 60
      return self == .requests
        ? Double(counted.count) / (3_000 * minutes)
        : Double(counted.reduce(0) { $0 + $1.tokens }) / (1_000_000 * minutes)
    }
  }

  static let configured = Job.Limits(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000)

  @Test(arguments: Binding.allCases, [1.0, 4.0])
  func `a configured limit that the provider enforces is used to 95 percent and not passed`(
    binding: Binding, countedPerToken: Double
  ) {
    var load = binding.load
    load.countedPerToken = countedPerToken
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000), load, limits: Self.configured,
      concurrency: 32)
    provider.run(until: .seconds(120))
    #expect(binding.utilisation(of: provider, from: 0, to: 120) >= 0.95)
    #expect(provider.refused.count * 1000 <= provider.sent.count)
  }

  @Test(arguments: Binding.allCases, [1.0, 4.0])
  func `a limit that only the headers tell is used to 95 percent after the first 10 seconds`(
    binding: Binding, countedPerToken: Double
  ) {
    var load = binding.load
    load.countedPerToken = countedPerToken
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000), load, limits: Job.Limits(),
      concurrency: 32)
    provider.run(until: .seconds(130))
    #expect(binding.utilisation(of: provider, from: 10, to: 130) >= 0.95)
    #expect(provider.refused.count * 1000 <= provider.sent.count)
  }

  @Test(arguments: [1.0, 10, 60]) func `a provider that counts by short windows refuses nothing`(window: Double) {
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 600, tokensPerMinute: 10_000_000, burst: .seconds(window)),
      .init(inputs: 1, tokens: 5...50), limits: Job.Limits(requestsPerMinute: 600), concurrency: 32)
    provider.run(until: .seconds(120))
    #expect(provider.refused.isEmpty)
    #expect(provider.billed.count >= 1_140)
  }

  @Test func `no minute has more than the limit, whenever it begins`() {
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 100_000, tokensPerMinute: 100_000_000), .init(inputs: 3, tokens: 20...160),
      limits: Self.configured, concurrency: 64)
    provider.run(until: .seconds(300))
    for second in 0..<240 {
      let minute = Duration.seconds(second)..<(.seconds(second + 60))
      let inside = provider.billed.filter { minute.contains($0.time) }
      #expect(inside.count <= 3_000)
      #expect(inside.reduce(0) { $0 + $1.tokens } <= 1_000_000)
    }
  }

  @Test func `a provider that tells a higher limit does not raise the configured one`() {
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 60_000, tokensPerMinute: 100_000_000), .init(inputs: 3, tokens: 20...160),
      limits: Job.Limits(requestsPerMinute: 600, tokensPerMinute: 1_000_000), concurrency: 32)
    provider.run(until: .seconds(120))
    #expect(provider.sent.count <= 1_200)
    #expect(provider.sent.count >= 1_140)
  }

  @Test func `a provider that tells a lower limit lowers the configured one`() {
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 300, tokensPerMinute: 1_000_000), .init(inputs: 3, tokens: 20...160),
      limits: Self.configured, concurrency: 32)
    provider.run(until: .seconds(120))
    #expect(provider.refused.isEmpty)
    #expect((570...900).contains(provider.sent.count))
  }

  @Test func `with unknown limits one request asks first, and the next round is at most four times as large`() {
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 100_000, tokensPerMinute: 100_000_000),
      .init(inputs: 10, tokens: 5...50, latency: 0.2...0.2, tellsLimits: false), limits: Job.Limits(), concurrency: 32)
    var most: [Int] = []
    for round in 0..<5 {
      provider.run(until: .seconds(0.1 + 0.23 * Double(round)))
      most.append(provider.peakInFlight)
    }
    #expect(most[0] == 1)
    #expect(zip(most, most.dropFirst()).allSatisfy { $1 <= 4 * $0 })
    provider.run(until: .seconds(5))
    #expect(provider.peakInFlight == 32)
  }

  @Test func `a limit that nothing tells is found by refusals, and most of it used`() {
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 600, tokensPerMinute: 100_000_000, burst: .seconds(1)),
      .init(inputs: 3, tokens: 20...160, tellsLimits: false), limits: Job.Limits(), concurrency: 32)
    provider.run(until: .seconds(300))
    #expect(provider.billed.count >= 2_100)
    #expect(provider.refused.count <= provider.sent.count / 4)
  }

  @Test func `a limit that is shared with another client is approached and not run against`() {
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000),
      .init(inputs: 50, tokens: 5...200, otherTokensPerSecond: 8_000), limits: Self.configured, concurrency: 16)
    provider.run(until: .seconds(600))
    let used = provider.billed.filter { $0.time >= .seconds(120) }.reduce(0) { $0 + $1.tokens }
    // 8,000 of 16,667 tokens a second are the other's.
    #expect(Double(used) >= 0.85 * 480 * 8_667)
    #expect(provider.refused.count <= provider.sent.count / 10)
  }

  @Test func `a large request among small ones is not put off by them`() {
    var provider = ThrottledProvider(
      ProviderQuota(requestsPerMinute: 3_000, tokensPerMinute: 100_000),
      .init(inputs: 1, tokens: 1...60_000), limits: Job.Limits(tokensPerMinute: 100_000), concurrency: 8)
    provider.run(until: .seconds(1_200))
    #expect(provider.refused.isEmpty)
    let used = provider.billed.reduce(0) { $0 + $1.tokens }
    #expect(Double(used) >= 0.9 * 20 * 100_000)
    #expect(provider.billed.contains { $0.tokens > 55_000 })
  }
}
