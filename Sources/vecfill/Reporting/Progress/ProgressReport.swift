import Backfill
import Foundation
import Pipeline

/// How far a run is at a moment: what its live line, its log lines and its `progress` events show.
struct ProgressReport: Encodable, Equatable {
  let job: String
  let seconds: Double
  let rowsDone: Int
  /// nil until the rows are counted.
  let rowsTotal: Int?
  /// Of the last minute.
  let rowsPerSecond: Double
  let tokensPerMinute: Double
  /// The limits a minute that hold just now; nil where none is known.
  let tokensPerMinuteLimit: Int?
  let requestsPerMinuteLimit: Int?
  let tokensBilledPerEstimated: Double?
  /// Dollars of this run; nil where the price is unknown.
  let costUsd: Double?
  /// Dollars of all runs of the job.
  let spentUsd: Double?
  let budgetUsd: Double?
  /// When all rows will be done at the present rate; nil where that can't be told.
  let eta: Date?
  /// What it waits for, as a code, and in words.
  let waiting: Waiting?
  let waitingReason: String?
  let isStopping: Bool
  let requestsInFlight: Int
  private let left: Duration?

  init(
    _ progress: RunProgress, job: String, rate: RateWindow, elapsed: Duration, waiting: Waiting?, at now: Date
  ) {
    self.job = job
    seconds = elapsed.seconds
    rowsDone = progress.done
    // Rows can arrive while others are filled.
    let total = progress.tally.total.map { max($0, progress.done) }
    rowsTotal = total
    rowsPerSecond = rate.rowsPerSecond
    tokensPerMinute = rate.tokensPerMinute
    tokensPerMinuteLimit = progress.limits.tokensPerMinute
    requestsPerMinuteLimit = progress.limits.requestsPerMinute
    tokensBilledPerEstimated = progress.tally.billedPerEstimated
    costUsd = progress.tally.cost
    spentUsd = progress.tally.cost.map { _ in progress.spent }
    budgetUsd = progress.budget
    let rows = total.map { $0 - progress.done } ?? 0
    left = progress.isStopping || rows <= 0 ? nil : rate.time(for: rows)
    eta = left.map { now.addingTimeInterval($0.seconds) }
    self.waiting = progress.isStopping ? nil : waiting
    waitingReason = self.waiting.map(progress.words)
    isStopping = progress.isStopping
    requestsInFlight = progress.inFlight
  }

  private enum CodingKeys: String, CodingKey {
    case job, seconds, rowsDone, rowsTotal, rowsPerSecond, tokensPerMinute, tokensPerMinuteLimit
    case requestsPerMinuteLimit, tokensBilledPerEstimated, costUsd, spentUsd, budgetUsd, eta, waiting, waitingReason
    case isStopping = "stopping"
    case requestsInFlight
  }

  /// From 0 to 1; nil until the rows are counted.
  var share: Double? { rowsTotal.flatMap { $0 > 0 ? Double(rowsDone) / Double($0) : nil } }

  /// All of it on one line, for a log.
  func line(zone: TimeZone = .current) -> String {
    LiveLine(self, zone: zone).text(width: .max, .plain)
  }

  /// "ETA 40 s", "ETA 12 min", "ETA 1 h 20 min", and from `Duration.longETA` on "ETA 27 Nov 06:40 CET".
  func etaText(zone: TimeZone) -> String? {
    guard let left, let eta else { return nil }
    return "ETA \(eta.eta(from: eta.addingTimeInterval(-left.seconds), zone: zone))"
  }
}

extension Date {
  /// How far away it is, as a person reads it: a time from now, or a local time where that is hours away.
  func eta(from now: Date, zone: TimeZone = .current) -> String {
    let left = Duration.seconds(timeIntervalSince(now))
    return left >= .longETA ? clockTime(zone: zone) : left.roughly
  }
}

extension Duration {
  /// So far away a time of day says more than hours and minutes.
  static let longETA: Duration = .seconds(6 * 3600)

  /// "40 s", "12 min" or "1 h 20 min".
  var roughly: String {
    let whole = max(1, Int(seconds.rounded(.up)))
    if whole < 100 { return "\(whole) s" }
    let minutes = (whole + 30) / 60
    return minutes < 60 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
  }
}
