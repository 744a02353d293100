/// An allowance that refills continuously at a rate a minute and holds a short burst of it.
///
/// A request that is larger than the burst may overdraw the bucket, which then has to be refilled before the next, so
/// that large requests neither starve nor break the rate.
struct TokenBucket: Equatable, Sendable {
  /// The share of a limit that is used, so that a provider that counts by whole minutes sees no more than its limit in any
  /// minute.
  static let headroom = 0.98

  /// What was taken at a time.
  struct Use: Equatable, Sendable {
    let time: Duration
    let count: Int
  }

  private let burst: Duration
  private var perSecond: Double
  private var level: Double
  private var updated: Duration

  /// - Parameters:
  ///   - rate: the limit a minute.
  ///   - burst: how long a pause the bucket makes up for.
  ///   - uses: what was taken before, the oldest first.
  init(perMinute rate: Int, burst: Duration, after uses: [Use] = [], at now: Duration) {
    self.burst = burst
    perSecond = Double(rate) / 60 * TokenBucket.headroom
    level = 0
    updated = uses.first?.time ?? now
    level = needed(for: .max)
    for use in uses { take(use.count, at: use.time) }
    refill(at: now)
    // After a minute none of them counts any more, though the rate may have been a higher one then.
    level = max(level, needed(for: .max) - 60 * perSecond / TokenBucket.headroom)
  }

  private var capacity: Double { max(perSecond * (burst / .seconds(1)), 1) }

  /// The level from which `count` may be taken. A large one begins at half the capacity, so that a sender that is
  /// woken late loses nothing of the rate.
  private func needed(for count: Int) -> Double { min(Double(count), max(capacity / 2, 1)) }

  /// Refills from now on at `rate` a minute.
  mutating func setRate(perMinute rate: Double, at now: Duration) {
    refill(at: now)
    perSecond = rate / 60 * TokenBucket.headroom
    level = min(level, capacity)
  }

  /// Lets no more than `count` be taken for now.
  mutating func lower(to count: Int, at now: Duration) {
    refill(at: now)
    level = min(level, Double(count))
  }

  /// How long until `count` may be taken, in whole milliseconds.
  mutating func wait(for count: Int, at now: Duration) -> Duration {
    refill(at: now)
    let missing = needed(for: count) - level
    return missing <= 1e-6 ? .zero : .milliseconds(Int((missing / perSecond * 1000).rounded(.up)))
  }

  /// Takes `count`, or gives back what is negative.
  mutating func take(_ count: Int, at now: Duration) {
    refill(at: now)
    level = min(level - Double(count), capacity)
  }

  private mutating func refill(at now: Duration) {
    guard now > updated else { return }
    level = min(level + perSecond * ((now - updated) / .seconds(1)), capacity)
    updated = now
  }
}
