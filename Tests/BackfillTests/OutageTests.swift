import Backfill
import TestSupport
import Testing

/// A provider that is down for a while, on a virtual clock.
@Suite struct OutageTests {
  static func provider() -> ThrottledProvider {
    ThrottledProvider(
      ProviderQuota(requestsPerMinute: 100_000, tokensPerMinute: 100_000_000), .init(inputs: 10, tokens: 5...50),
      limits: Job.Limits(requestsPerMinute: 600, tokensPerMinute: 10_000_000), concurrency: 8)
  }

  @Test func `an outage is asked about by one request at a time, and work goes on when it is over`() {
    var provider = Self.provider()
    provider.fail(during: .seconds(20)..<(.seconds(140)))
    provider.run(until: .seconds(300))
    #expect(provider.ending == nil)
    let during = provider.sent.filter { (.seconds(25)..<(.seconds(140))).contains($0) }
    #expect((2...20).contains(during.count))
    #expect(zip(during, during.dropFirst()).allSatisfy { $1 - $0 >= .milliseconds(250) })
    let after = provider.billed.filter { $0.time > .seconds(210) }
    #expect(after.count > 800)
  }

  @Test func `the time of an outage is counted as throttled`() {
    var provider = Self.provider()
    provider.fail(during: .seconds(20)..<(.seconds(140)))
    provider.run(until: .seconds(300))
    #expect(provider.tally.throttled > .seconds(100))
    #expect(provider.tally.throttled < .seconds(190))
  }

  @Test func `an outage that is longer than is allowed ends the run, no later than a try after it`() {
    var provider = Self.provider()
    provider.fail(during: .seconds(20)..<(.seconds(5_000)))
    provider.run(until: .seconds(5_000))
    #expect(provider.ending?.exitCode == .unavailable)
    #expect((.seconds(615)...(.seconds(640))).contains(provider.sent.last ?? .zero))
  }

  @Test func `two outages are two, and each has the whole of the time allowed`() {
    var provider = Self.provider()
    provider.fail(during: .seconds(20)..<(.seconds(520)), .seconds(700)..<(.seconds(1_200)))
    provider.run(until: .seconds(1_400))
    #expect(provider.ending == nil)
  }
}
