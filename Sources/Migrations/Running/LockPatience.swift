/// How long a statement waits for a lock, and how often it tries again: a client that queues up behind it waits no longer.
package struct LockPatience: Sendable {
  /// The most that one attempt waits for all its locks together. The default is 500 ms.
  package var timeout: Duration = .milliseconds(500)
  /// The default is 15, which take some two minutes.
  package var attempts = 15
  /// The wait after the first attempt; it doubles up to `longestWait`. The default is 200 ms.
  package var firstWait: Duration = .milliseconds(200)
  /// The default is 15 s.
  package var longestWait: Duration = .seconds(15)

  package init() {}

  /// The wait after attempt `attempt`, counted from 1, with `chance` from 0 to 1; nil after the last.
  package func wait(after attempt: Int, chance: Double) -> Duration? {
    guard attempt < attempts else { return nil }
    let doubled = firstWait * (1 << min(attempt - 1, 30))
    return min(doubled, longestWait) * (0.5 + chance / 2)
  }
}
