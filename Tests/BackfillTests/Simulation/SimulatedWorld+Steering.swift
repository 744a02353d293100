import Backfill
import TestSupport

extension SimulatedWorld {
  /// What somebody asked of a run, and whether the run kept to it.
  struct Steered {
    /// As the run knows it.
    var hold: Pause?
    var concurrency = 0
    /// Requests of the present run.
    var requests = 0
    var holds = 0
    var releases = 0
    var adjustments = 0
    /// Runs that ended by their bound of rows, and of requests.
    var full = 0
    var spent = 0
  }

  mutating func beginSteering() {
    steered.hold = nil
    steered.requests = 0
    steered.concurrency = job.concurrency
    guard faults.bounds > 0 else { return }
    policy.bounds = Bounds()
    guard random.chance(faults.bounds) else { return }
    if random.chance(0.7) { policy.bounds.rows = Int.random(in: 1...80, using: &random) }
    if random.chance(0.4) { policy.bounds.requests = Int.random(in: 1...30, using: &random) }
  }

  /// What people do, after each step.
  mutating func steer() {
    if faults.hold > 0, random.chance(faults.hold) {
      let hold = random.chance(0.5) ? Pause(.paused) : Pause(.gentle, "replica lag", stopsWriting: true)
      schedule(.event(.held(hold)), after: .milliseconds(Int.random(in: 1...50, using: &random)))
      schedule(.event(.held(nil)), after: .milliseconds(Int.random(in: 60...60_000, using: &random)))
    }
    if faults.adjustment > 0, random.chance(faults.adjustment) {
      steered.adjustments += 1
      let limit = Int.random(in: 30...100_000, using: &random)
      let terms = Terms(
        limits: random.chance(0.5) ? Job.Limits() : Job.Limits(requestsPerMinute: limit, tokensPerMinute: limit * 100),
        concurrency: Int.random(in: 1...6, using: &random), budget: nil)
      schedule(.event(.adjusted(terms)), after: .milliseconds(Int.random(in: 1...50, using: &random)))
    }
  }

  /// The run hears of `event`.
  mutating func hear(_ event: Conductor.Event) {
    switch event {
    case .held(let hold):
      steered.hold = hold
      if hold == nil { steered.releases += 1 } else { steered.holds += 1 }
    case .adjusted(let terms):
      steered.concurrency = max(terms.concurrency, inFlight.count)
    default:
      break
    }
  }

  /// A run that is held begins nothing.
  mutating func judge(_ action: Conductor.Action) {
    switch action {
    case .request:
      steered.requests += 1
      if steered.requests > policy.bounds.requests ?? .max { violations.append("more requests than its bound") }
      if steered.hold != nil { violations.append("a request while it was held") }
      if inFlight.count >= max(1, steered.concurrency) { violations.append("more in flight than it was told") }
    case .readPage, .readLastKey:
      if steered.hold != nil { violations.append("a page was read while it was held") }
      if !ledger.unproven.isEmpty { violations.append("a page was read before the comparisons had passed") }
    case .write:
      if steered.hold?.stopsWriting == true { violations.append("a write while writing was held") }
    default:
      break
    }
  }

  mutating func judge(_ tally: Tally) {
    guard let most = policy.bounds.rows, tally.written > most else { return }
    violations.append("\(tally.written) rows written, \(most) were allowed")
  }
}
