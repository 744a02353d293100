/// When a log gets a line of progress: every 10 s for the first minute, then every minute.
struct ProgressSchedule {
  private var next: Duration = .seconds(10)

  /// Whether a line is due so long after the start.
  mutating func isDue(at elapsed: Duration) -> Bool {
    guard elapsed >= next else { return false }
    while next <= elapsed { next += next < .seconds(60) ? .seconds(10) : .seconds(60) }
    return true
  }
}
