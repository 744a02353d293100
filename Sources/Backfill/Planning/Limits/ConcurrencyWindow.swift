/// How many requests may be in flight: one more for each round that is answered in time, half as many after a refusal.
///
/// Where the limits are unknown it begins with one request, whose reply may tell them, and has four times as many
/// with each round until the first sign of trouble.
package struct ConcurrencyWindow: Equatable, Sendable {
  private var ceiling: Double
  private var size: Double
  private var isStarting = true
  private var steadyUntil: Duration = .zero
  private var latency = LatencyTrend()

  package init(ceiling: Int, isProbing: Bool) {
    self.ceiling = Double(ceiling)
    size = isProbing ? 1 : Double(ceiling)
  }

  package var limit: Int { Int(size) }

  /// A request that was one of `inFlight` was answered after `duration`.
  package mutating func answered(after duration: Duration, inFlight: Int, at now: Duration) {
    let isSlower = latency.grows(with: duration, at: now)
    // A window that isn't filled proves nothing by its answers, neither fast nor slow ones.
    guard inFlight >= limit else { return }
    if isSlower {
      isStarting = false
      size = max(1, size * 0.9)
    } else if now >= steadyUntil {
      size = min(ceiling, size + (isStarting ? 3 : 1 / size))
    }
  }

  /// The provider refused a request for now; the window keeps its new size for `steadyFor`.
  package mutating func refused(steadyFor: Duration, at now: Duration) {
    isStarting = false
    size = max(1, size / 2)
    steadyUntil = max(steadyUntil, now + steadyFor)
  }

  /// No more than `ceiling` may be in flight from now on; at once so many, where it was at the former one.
  package mutating func limit(to ceiling: Int) {
    let isAtCeiling = size >= self.ceiling
    self.ceiling = Double(ceiling)
    size = isAtCeiling ? self.ceiling : min(size, self.ceiling)
  }

  /// After an outage: as at the start.
  package mutating func restart() {
    isStarting = true
    size = 1
  }
}

/// Whether replies take much longer than they did before.
struct LatencyTrend: Equatable, Sendable {
  private var recent = 0.0
  private var usual = 0.0
  private var count = 0
  private var told: Duration = .zero

  /// Takes up one duration; true where the recent ones are far above the usual, and once for as long as one takes.
  mutating func grows(with duration: Duration, at now: Duration) -> Bool {
    let seconds = duration / .seconds(1)
    count += 1
    // Plain means at first, which have no beginning to forget.
    recent += (seconds - recent) / Double(min(count, 10))
    usual += (seconds - usual) / Double(min(count, 200))
    guard count >= 50, recent > 2 * usual, now - told > .seconds(recent) else { return false }
    told = now
    return true
  }
}
