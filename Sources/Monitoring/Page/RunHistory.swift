import Backfill
import Pipeline

/// How a run has come along, for its charts: some hundred points evenly over its time, however long that is.
struct RunHistory: Sendable {
  struct Point: Sendable {
    /// Since the process began.
    let time: Duration
    let rows: Int
    let tokens: Int
    let requests: Int
    let cost: Double
  }

  static let mostPoints = 240
  private(set) var points: [Point] = []
  /// What earlier rounds have done, and the progress that was seen last.
  private var before = Point(time: .zero, rows: 0, tokens: 0, requests: 0, cost: 0)
  private var interval: Duration = .seconds(1)

  /// Looks at the progress; called every second or less often.
  mutating func add(_ progress: RunProgress, at time: Duration) {
    if let last = points.last, time - last.time < interval * 0.9 { return }
    points.append(reached(progress, at: time))
    guard points.count > RunHistory.mostPoints else { return }
    points = points.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    interval *= 2
  }

  /// A round has ended as `progress` says: the next one counts from zero.
  mutating func endRound(_ progress: RunProgress) {
    before = reached(progress, at: .zero)
  }

  /// What all rounds have come to.
  private func reached(_ progress: RunProgress, at time: Duration) -> Point {
    Point(
      time: time, rows: before.rows + progress.done, tokens: before.tokens + progress.tally.billedTokens,
      requests: before.requests + progress.tally.requests, cost: before.cost + (progress.tally.cost ?? 0))
  }

  /// How much of a count came in each second, between the points.
  func perSecond(_ count: KeyPath<Point, Int>) -> [Double] {
    zip(points, points.dropFirst()).map { old, new in
      let seconds = (new.time - old.time).seconds
      return seconds > 0 ? max(0, Double(new[keyPath: count] - old[keyPath: count]) / seconds) : 0
    }
  }

  /// The rate of the last minute; nil before there is one.
  func recentPerSecond(_ count: KeyPath<Point, Int>) -> Double? {
    guard let last = points.last, let first = points.first(where: { last.time - $0.time <= .seconds(60) }),
      last.time > first.time
    else { return nil }
    return Double(last[keyPath: count] - first[keyPath: count]) / (last.time - first.time).seconds
  }
}
