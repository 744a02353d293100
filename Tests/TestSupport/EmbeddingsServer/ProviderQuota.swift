import Backfill

/// An account's rate limits as OpenAI keeps them: buckets that hold so much of a minute and refill continuously.
///
/// Time is an argument, so that a simulation can keep it on a virtual clock and the server on the real one.
package struct ProviderQuota: Sendable {
  /// What a provider says to a request that passes a limit, in OpenAI's words.
  package struct Refusal: Sendable {
    /// "requests" or "tokens".
    package let type: String
    package let message: String
    package let retryAfter: Duration
  }

  private struct Bucket {
    let limit: Int
    let capacity: Double
    var level: Double
    var updated: Duration = .zero

    init(limit: Int, burst: Duration) {
      self.limit = limit
      capacity = max(Double(limit) * (burst / .seconds(60)), 1)
      level = capacity
    }

    var perSecond: Double { Double(limit) / 60 }

    mutating func refill(at now: Duration) {
      guard now > updated else { return }
      level = min(capacity, level + perSecond * ((now - updated) / .seconds(1)))
      updated = now
    }

    /// How long until `count` is there; nil where it is there now.
    func wait(for count: Int) -> Duration? {
      level >= Double(count) ? nil : .seconds((Double(count) - level) / perSecond)
    }
  }

  private var requests: Bucket
  private var tokens: Bucket
  package private(set) var refusals = 0

  /// - Parameter burst: the time whose allowance may be used at once. OpenAI's is a minute, Azure's as short as 1 s.
  package init(requestsPerMinute: Int, tokensPerMinute: Int, burst: Duration = .seconds(60)) {
    requests = Bucket(limit: requestsPerMinute, burst: burst)
    tokens = Bucket(limit: tokensPerMinute, burst: burst)
  }

  /// Another client of the same account uses so many tokens in one request.
  package mutating func use(tokens count: Int, at now: Duration) { _ = admit(tokens: count, at: now) }

  /// Takes a request of `count` tokens, or refuses it; one that is refused counts as a request all the same.
  package mutating func admit(tokens count: Int, at now: Duration) -> Refusal? {
    requests.refill(at: now)
    tokens.refill(at: now)
    if let wait = requests.wait(for: 1) { return refuse("requests", "RPM", requests, asked: 1, wait) }
    requests.level -= 1
    if let wait = tokens.wait(for: count) { return refuse("tokens", "TPM", tokens, asked: count, wait) }
    tokens.level -= Double(count)
    return nil
  }

  private mutating func refuse(
    _ type: String, _ short: String, _ bucket: Bucket, asked: Int, _ wait: Duration
  ) -> Refusal {
    refusals += 1
    let used = bucket.limit - Int(bucket.level * Double(bucket.limit) / bucket.capacity)
    let milliseconds = Int((wait / .milliseconds(1)).rounded(.up))
    return Refusal(
      type: type,
      message: "Rate limit reached for text-embedding-3-small in organization org-test on \(type) per min (\(short)): "
        + "Limit \(bucket.limit), Used \(used), Requested \(asked). Please try again in \(milliseconds)ms.",
      retryAfter: .milliseconds(milliseconds))
  }

  /// The `x-ratelimit` headers that go with each answer.
  package var headers: [(name: String, value: String)] {
    [("requests", requests), ("tokens", tokens)].flatMap { name, bucket in
      let full = (bucket.capacity - bucket.level) / bucket.perSecond
      return [
        ("x-ratelimit-limit-\(name)", "\(bucket.limit)"), ("x-ratelimit-remaining-\(name)", "\(Int(bucket.level))"),
        ("x-ratelimit-reset-\(name)", "\(Int((full * 1000).rounded(.up)))ms"),
      ]
    }
  }

  /// The same as a client reads it.
  package var hints: RateLimitHints {
    var hints = RateLimitHints()
    hints.requestLimit = requests.limit
    hints.requestsRemaining = Int(requests.level)
    hints.tokenLimit = tokens.limit
    hints.tokensRemaining = Int(tokens.level)
    return hints
  }
}
