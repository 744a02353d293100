import Backfill

/// The rate of the last minute, from samples of growing counts.
struct RateWindow {
  private struct Sample {
    let time: Duration
    let rows: Int
    let tokens: Int
  }

  static let length: Duration = .seconds(60)
  private var samples: [Sample] = []

  /// - Parameter time: since the run began.
  mutating func add(rows: Int, tokens: Int, at time: Duration) {
    samples.append(Sample(time: time, rows: rows, tokens: tokens))
    let kept = samples.lastIndex { $0.time <= time - RateWindow.length } ?? 0
    samples.removeFirst(kept)
  }

  private func perSecond(_ count: KeyPath<Sample, Int>) -> Double {
    guard let first = samples.first, let last = samples.last, last.time > first.time else { return 0 }
    return Double(last[keyPath: count] - first[keyPath: count]) / (last.time - first.time).seconds
  }

  var rowsPerSecond: Double { perSecond(\.rows) }
  var tokensPerMinute: Double { 60 * perSecond(\.tokens) }

  /// How long `rows` will take; nil while nothing moves.
  func time(for rows: Int) -> Duration? {
    rowsPerSecond > 0 ? .seconds(Double(rows) / rowsPerSecond) : nil
  }
}
