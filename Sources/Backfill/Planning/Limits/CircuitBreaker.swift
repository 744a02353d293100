/// Whether the provider is taken to be up: failures in a row open it, and then one request at a time asks, until the
/// first answer closes it.
struct CircuitBreaker: Equatable, Sendable {
  /// The failures in a row after which the provider is taken to be down.
  static let threshold = 5

  /// Since when there was nothing but failures; nil where the last request was answered.
  private(set) var failingSince: Duration?
  private(set) var nextProbe: Duration = .zero
  private var failures = 0

  var isOpen: Bool { failures >= CircuitBreaker.threshold }

  /// How many times it was asked without an answer since it opened; the first is 1.
  private var probe: Int { failures - CircuitBreaker.threshold + 1 }

  /// A request failed. Returns for how long there was nothing but failures.
  mutating func failed(
    retryAfter: Duration?, _ policy: RetryPolicy, at now: Duration, using random: inout some RandomNumberGenerator
  ) -> Duration {
    let since = failingSince ?? now
    failingSince = since
    failures += 1
    if isOpen {
      let delay = policy.delay(attempt: probe, retryAfter: retryAfter, using: &random)
      nextProbe = min(now + delay, max(now, since + policy.maxOutage))
    }
    return now - since
  }

  /// What is left of the time that nothing but failures may take.
  func patience(_ policy: RetryPolicy, at now: Duration) -> Duration {
    max(.zero, (failingSince ?? now) + policy.maxOutage - now)
  }

  /// The run itself sent nothing for `time`.
  mutating func wasHeld(for time: Duration) {
    failingSince = failingSince.map { $0 + time }
  }

  mutating func answered() {
    failingSince = nil
    failures = 0
  }
}
