/// When a run that follows its tables looks for rows again: at once after it found some, less and less often while it finds
/// none, and never so often that looking takes more than a twentieth of the time.
package struct LookPace: Equatable, Sendable {
  private let shortest: Duration
  private let longest: Duration
  private var interval: Duration
  /// When the next look is due.
  package private(set) var due: Duration

  /// - Parameters:
  ///   - shortest: the wait after the first look that found nothing; it doubles from look to look. The default is 1 s.
  ///   - longest: what it grows to. The default is 15 s.
  ///   - now: when the first look is due.
  package init(shortest: Duration = .seconds(1), longest: Duration = .seconds(15), at now: Duration) {
    self.shortest = shortest
    self.longest = longest
    interval = shortest
    due = now
  }

  /// A look that took so long has ended.
  package mutating func looked(for duration: Duration, found: Bool, at now: Duration) {
    guard !found else {
      interval = shortest
      due = now
      return
    }
    due = now + max(interval, duration * 20)
    interval = min(interval * 2, longest)
  }

  /// The database has notified of written rows.
  package mutating func hurry(at now: Duration) {
    interval = shortest
    due = min(due, now)
  }
}
