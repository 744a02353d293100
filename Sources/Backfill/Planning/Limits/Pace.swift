/// Which part of the known rates is used. It drops after a refusal, since others may share the rates or the provider may
/// count differently, and grows back to the whole step by step.
struct Pace: Equatable, Sendable {
  private(set) var factor = 1.0
  private var steadyUntil: Duration = .zero
  private var updated: Duration = .zero

  static let least = 0.05
  static let recoveryPerSecond = 0.01

  mutating func slow(to part: Double, steadyUntil time: Duration, at now: Duration) {
    factor = max(factor * part, Pace.least)
    steadyUntil = max(steadyUntil, time)
    updated = now
  }

  /// Whether the factor has grown since it was last looked at.
  mutating func recovers(at now: Duration) -> Bool {
    let from = max(updated, steadyUntil)
    guard factor < 1, now > from else { return false }
    factor = min(1, factor + Pace.recoveryPerSecond * ((now - from) / .seconds(1)))
    updated = now
    return true
  }
}
