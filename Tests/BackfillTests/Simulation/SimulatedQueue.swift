/// What comes at a later time, the earliest first; of the same time, what was added first.
struct SimulatedQueue<Pending> {
  /// The next one is the last.
  private var entries: [(time: Duration, pending: Pending)] = []

  var nextTime: Duration? { entries.last?.time }

  mutating func add(_ pending: Pending, at time: Duration) {
    // Few wait at a time, and most of what is added comes late.
    let index = entries.firstIndex { $0.time <= time } ?? entries.count
    entries.insert((time, pending), at: index)
  }

  mutating func next() -> (time: Duration, pending: Pending)? { entries.popLast() }
}
