/// Why a run does nothing new for now, though nothing of what it calls asks it to wait.
package struct Pause: Equatable, Sendable {
  package let waiting: Waiting
  /// What the log and `vecfill status` show, e.g. "replica lag 12 s > 5 s".
  package let reason: String
  /// Whether what was received is not written either.
  package let stopsWriting: Bool

  package init(_ waiting: Waiting, _ reason: String? = nil, stopsWriting: Bool = false) {
    self.waiting = waiting
    self.reason = reason ?? waiting.words
    self.stopsWriting = stopsWriting
  }
}
