/// Keeps requests and tokens under a rate a minute: continuously refilled buckets, reserved before sending (P6).
package struct RateLimiter: Equatable, Sendable {
  private var requests: TokenBucket?
  private var tokens: TokenBucket?
  private var heldUntil: Duration = .zero

  package init(_ limits: Job.Limits) {
    requests = limits.requestsPerMinute.map { TokenBucket(perMinute: $0) }
    tokens = limits.tokensPerMinute.map { TokenBucket(perMinute: $0) }
  }

  /// How long until a request of `count` tokens may be sent; zero where it may be sent now.
  package mutating func wait(forTokens count: Int, at now: Duration) -> Duration {
    let waits = [
      requests?.wait(for: 1, at: now) ?? .zero, tokens?.wait(for: count, at: now) ?? .zero, heldUntil - now, .zero,
    ]
    return waits.max() ?? .zero
  }

  /// A request of `count` tokens is sent.
  package mutating func sent(tokens count: Int, at now: Duration) {
    requests?.take(1, at: now)
    tokens?.take(count, at: now)
  }

  /// A reply tells that a request took `actual` tokens and not the `reserved` ones.
  package mutating func correct(reserved: Int, actual: Int, at now: Duration) {
    tokens?.take(actual - reserved, at: now)
  }

  /// Nothing may be sent before `time`.
  package mutating func hold(until time: Duration) {
    heldUntil = max(heldUntil, time)
  }

  /// Takes up the limits that a provider tells, which can lower a configured ceiling but never raise it.
  package mutating func learn(_ hints: RateLimitHints, configured: Job.Limits, at now: Duration) {
    requests = RateLimiter.lower(requests, told: hints.requestLimit, configured: configured.requestsPerMinute, at: now)
    tokens = RateLimiter.lower(tokens, told: hints.tokenLimit, configured: configured.tokensPerMinute, at: now)
  }

  private static func lower(_ bucket: TokenBucket?, told: Int?, configured: Int?, at now: Duration) -> TokenBucket? {
    guard let told, told > 0 else { return bucket }
    let rate = min(told, configured ?? .max)
    guard var bucket else { return TokenBucket(perMinute: rate) }
    bucket.setRate(perMinute: rate, at: now)
    return bucket
  }
}

/// A bucket that holds one second of its rate and refills continuously; it may be overdrawn by one large request,
/// which then has to be refilled before the next, so that large requests neither starve nor break the rate.
struct TokenBucket: Equatable, Sendable {
  private var perSecond: Double
  private var level: Double
  private var updated: Duration = .zero

  init(perMinute rate: Int) {
    perSecond = Double(rate) / 60
    level = max(perSecond, 1)
  }

  private var capacity: Double { max(perSecond, 1) }

  mutating func setRate(perMinute rate: Int, at now: Duration) {
    refill(at: now)
    perSecond = Double(rate) / 60
    level = min(level, capacity)
  }

  mutating func wait(for count: Int, at now: Duration) -> Duration {
    refill(at: now)
    let needed = min(Double(count), capacity)
    return level >= needed ? .zero : .seconds((needed - level) / perSecond)
  }

  mutating func take(_ count: Int, at now: Duration) {
    refill(at: now)
    level -= Double(count)
  }

  private mutating func refill(at now: Duration) {
    guard now > updated else { return }
    level = min(level + perSecond * ((now - updated) / .seconds(1)), capacity)
    updated = now
  }
}
