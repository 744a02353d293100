import Backfill
import Pipeline

/// How a running process stands, as it says itself.
struct ControlReport: Codable, Sendable {
  let job: String
  let pid: Int32
  /// The shard that it fills; nil for the whole job.
  let shard: Int?
  /// running, paused, waiting, following (all is filled, and it waits for rows) or stopping.
  let state: String
  /// What it waits for, as a code of `Waiting`, and in words.
  let waiting: String?
  let waitingReason: String?
  /// The limits that hold, the provider's own included; nil for none.
  let requestsPerMinute: Int?
  let tokensPerMinute: Int?
  let concurrency: Int
  let budgetUsd: Double?

  /// Whether nothing new is begun.
  var isHeld: Bool { state == "stopping" || waiting.flatMap(Waiting.init)?.isHeld == true }

  /// - Parameter isBetweenRounds: whether it waits for rows, of which there are none just now.
  init(
    job: String, pid: Int32, shard: Int? = nil, hold: Pause?, terms: Terms, progress: RunProgress?,
    isBetweenRounds: Bool = false
  ) {
    self.job = job
    self.pid = pid
    self.shard = shard
    let progress = progress.flatMap { $0.hasBegun && !isBetweenRounds ? $0 : nil }
    waiting = (hold?.waiting ?? progress?.waiting)?.rawValue
    waitingReason = hold?.reason ?? progress?.waitingWords
    state =
      if progress?.isStopping == true {
        "stopping"
      } else if hold?.waiting == .paused {
        "paused"
      } else {
        waiting != nil ? "waiting" : isBetweenRounds ? "following" : "running"
      }
    let limits = progress?.limits ?? terms.limits
    requestsPerMinute = limits.requestsPerMinute
    tokensPerMinute = limits.tokensPerMinute
    concurrency = terms.concurrency
    budgetUsd = terms.budget?.usd
  }

  /// What holds, on one line.
  var inForce: String {
    func limit(_ number: Int?, _ unit: String) -> String { "\(number?.grouped ?? "no limit of") \(unit)/min" }
    return [
      limit(requestsPerMinute, "requests"), limit(tokensPerMinute, "tokens"), "concurrency \(concurrency)",
      budgetUsd.map { "budget \($0.dollars)" } ?? "no budget",
    ].joined(separator: ", ")
  }
}

/// What a process answers to what it is asked to do.
struct ControlAnswer: Codable, Sendable {
  /// What it did, or why it did nothing.
  let message: String
}
