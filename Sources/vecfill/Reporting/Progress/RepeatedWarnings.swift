/// Tells the first warning of a kind at once, and those that follow as one line a minute with their number.
struct RepeatedWarnings {
  /// A kind of warning that came again: its first one's words, and how often it came since they were told last.
  struct Repeated: Equatable {
    let message: String
    let count: Int
  }

  private struct Told {
    var message: String
    var at: Duration
    var count = 0
  }

  private static let minute: Duration = .seconds(60)
  private var told: [String: Told] = [:]

  /// Takes one that came; returns whether it is told at once.
  mutating func add(_ kind: String, _ message: String, at time: Duration) -> Bool {
    guard told[kind] == nil else {
      told[kind]?.count += 1
      return false
    }
    told[kind] = Told(message: message, at: time)
    return true
  }

  /// What came again in the minute that has just ended; a kind that didn't come is new when it comes next.
  mutating func due(at time: Duration) -> [Repeated] {
    let over = told.filter { time - $0.value.at >= RepeatedWarnings.minute }
    for (kind, entry) in over {
      told[kind] = entry.count == 0 ? nil : Told(message: entry.message, at: time)
    }
    return RepeatedWarnings.repeated(over.values)
  }

  /// What came again and wasn't told yet, at the end. What came once more says nothing that its first line doesn't.
  mutating func rest() -> [Repeated] {
    defer { told = [:] }
    return RepeatedWarnings.repeated(told.values.filter { $0.count > 1 })
  }

  private static func repeated(_ entries: some Collection<Told>) -> [Repeated] {
    entries.filter { $0.count > 0 }.map { Repeated(message: $0.message, count: $0.count) }
      .sorted { $0.message < $1.message }
  }
}
