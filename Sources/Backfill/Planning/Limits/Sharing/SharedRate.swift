/// One of a pool's rates a minute: what may be given out, and when.
///
/// What lies ready and what is given out and not told as used are together never more than `capacity`. What a process held
/// until now is refilled only from when it has told of it, since it may have sent it just before. So in any 60 s no more is
/// sent than `capacity` and what is refilled meanwhile, which are the limit together.
package struct SharedRate: Equatable, Sendable {
  /// The part of the limit that is refilled.
  package static let headroom = 0.97
  /// Of a minute, a little less than what the headroom leaves: requests don't reach the provider as evenly as they are
  /// sent.
  private static let capacityInSeconds = 1.6
  package let limit: Double

  package init?(_ limit: Int?) {
    guard let limit else { return nil }
    self.limit = Double(max(limit, 1))
  }

  package var perSecond: Double { limit / 60 * Self.headroom }
  package var capacity: Double { limit / 60 * Self.capacityInSeconds }
  /// The most that one request should take, so that others' slices don't stand in its way.
  package var most: Double { capacity / 2 }

  /// What has to lie ready before `count` is given out: a larger one overdraws what is there.
  func needed(for count: Double) -> Double { min(count, most) }

  /// What is taken for `count`. After one that overdraws, the next waits for so long that no 60 s hold more such
  /// requests than the limit has room for.
  func charge(for count: Double) -> Double {
    guard count > most else { return count }
    let fitting = (limit / count).rounded(.down)
    guard fitting >= 1 else { return count }
    let window = 60 + SharedPool.lifetime + Self.capacityInSeconds
    return max(count, perSecond * window / fitting)
  }
}
