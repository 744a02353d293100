/// When a failed request is sent again.
package struct RetryPolicy: Equatable, Sendable {
  /// The longest wait before the first retry, which doubles with each further one. The default is 500 ms.
  package var base: Duration
  /// The longest wait. The default is 60 s, so that waits outlast a provider's minute.
  package var ceiling: Duration
  /// How long a provider may fail every request, or ask to wait, before the run ends. The default is 10 min.
  package var maxOutage: Duration

  package init(
    base: Duration = .milliseconds(500), ceiling: Duration = .seconds(60), maxOutage: Duration = .seconds(600)
  ) {
    self.base = base
    self.ceiling = ceiling
    self.maxOutage = maxOutage
  }

  /// The wait before retry number `attempt` (from 1): what the provider asks for, otherwise between half and the whole
  /// of an exponential step, so that requests that failed together don't return together.
  package func delay(
    attempt: Int, retryAfter: Duration?, using random: inout some RandomNumberGenerator
  ) -> Duration {
    if let retryAfter, retryAfter > .zero { return retryAfter }
    let step = min(base * (1 << min(attempt - 1, 16)), ceiling)
    return step * Double.random(in: 0.5...1, using: &random)
  }
}
