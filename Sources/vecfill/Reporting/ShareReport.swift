import Backfill
import MessageStores

/// What `vecfill status` shows of the limits and the budget that a job shares with others.
struct ShareReport: Encodable {
  /// A process that sends.
  struct Holder: Encodable {
    let job: String
    let process: String
    /// What it may still send of its slice.
    let requests: Double
    let tokens: Double
  }

  /// The provider's host and the model.
  let pool: String
  let requestsPerMinute: Int?
  let tokensPerMinute: Int?
  /// Of all that take part, over all their runs.
  let spentUsd: Double
  let reservedUsd: Double
  let holders: [Holder]
  /// Why nothing is known of it; nil where it was read.
  let problem: String?

  init(_ pool: String, problem: Failure) {
    self.pool = pool
    self.problem = problem.description
    (requestsPerMinute, tokensPerMinute, spentUsd, reservedUsd, holders) = (nil, nil, 0, 0, [])
  }

  init(_ pool: String, _ reading: PostgresSharedPools.Reading) {
    self.pool = pool
    problem = nil
    let limits = reading.pool.limits
    (requestsPerMinute, tokensPerMinute) = (limits.requestsPerMinute, limits.tokensPerMinute)
    (spentUsd, reservedUsd) = (reading.spent, reading.reserved)
    holders = reading.pool.holders.values.filter { $0.lapses > reading.now }
      .sorted { ($0.job, $0.process) < ($1.job, $1.process) }
      .map { holder in
        let left = holder.left(at: reading.now)
        return Holder(job: holder.job, process: holder.process, requests: left.requests, tokens: left.tokens)
      }
  }

  /// A line for the pool, and one for each process that holds a part of it.
  var lines: [String] {
    if let problem { return ["\(pool): \(problem)"] }
    let limits = [
      requestsPerMinute.map { "\($0.grouped) requests/min" }, tokensPerMinute.map { "\($0.short) tokens/min" },
    ].compactMap(\.self)
    let money = "\(spentUsd.dollars) spent, \(reservedUsd.dollars) reserved"
    return ["\(pool): \((limits + [money]).joined(separator: ", "))"]
      + holders.map {
        "\($0.job) on \($0.process): \(Int($0.requests).of("request")), \(Int($0.tokens).of("token")) left"
      }
  }
}
