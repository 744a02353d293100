/// How long nothing has come from a server, and what was found out about that: when it is asked again whether it still
/// works on the statement, and when that is given up.
struct Silence {
  /// What asking over another connection has shown.
  enum Finding: Equatable {
    /// The server works on the statement, as long as that may take.
    case working
    /// The server, or a pooler before it, takes connections; nothing is known of the statement.
    case unknown
    /// The statement has ended there, or its session: what it brought was lost on the way.
    case lost
    /// No connection is to be had.
    case dead(String)
  }

  /// For so long nothing may come before the server is asked.
  let interval: Duration
  /// For so long nothing may come where nobody can tell whether the statement goes on. The stores' own statements end
  /// after a minute.
  static let mostUnknown: Duration = .seconds(300)

  private let since: ContinuousClock.Instant
  private var nextQuestion: ContinuousClock.Instant
  private var isDoubtful = false

  init(interval: Duration, since: ContinuousClock.Instant = .now) {
    self.interval = interval
    self.since = since
    nextQuestion = since + interval
  }

  var duration: Duration { since.duration(to: .now) }

  func isDue(at now: ContinuousClock.Instant = .now) -> Bool { now >= nextQuestion }

  /// Takes up a finding; returns why the connection is to be given up, or nil. It takes two in a row: one connection can
  /// fail by chance, and a reply can be on its way.
  mutating func found(_ finding: Finding, at now: ContinuousClock.Instant = .now) -> String? {
    let isBad: Bool
    let reason: String
    switch finding {
    case .working: (isBad, reason) = (false, "")
    case .unknown: (isBad, reason) = (false, "and it is unknown whether it still works on the statement")
    case .lost: (isBad, reason) = (true, "and it no longer works on the statement")
    case .dead(let words): (isBad, reason) = (true, "and a second connection fails: \(words)")
    }
    nextQuestion = now + (isBad ? interval / 4 : interval)
    defer { isDoubtful = isBad }
    return isBad && isDoubtful || finding == .unknown && since.duration(to: now) >= Self.mostUnknown ? reason : nil
  }
}
