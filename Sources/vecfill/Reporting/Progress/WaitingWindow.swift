import Backfill

/// What a run waits for, steadily. Many waits are over within milliseconds, and a line that shows each of them flickers:
/// one is shown once it was so in half of the looks of the last three seconds, and until it is in less than a quarter.
struct WaitingWindow {
  private static let length: Duration = .seconds(3)
  private var looks: [(time: Duration, waiting: Waiting?)] = []
  private(set) var waiting: Waiting?

  /// - Parameter time: since the run began.
  mutating func add(_ look: Waiting?, at time: Duration) {
    looks.append((time, look))
    looks.removeAll { $0.time <= time - WaitingWindow.length }
    guard let first = looks.first, time - first.time >= .seconds(1) else { return }
    let counts = Dictionary(grouping: looks.compactMap(\.waiting), by: \.self).mapValues(\.count)
    if let waiting, 4 * counts[waiting, default: 0] < looks.count { self.waiting = nil }
    if let most = counts.max(by: { $0.value < $1.value }), 2 * most.value >= looks.count { waiting = most.key }
  }
}
