import Backfill
import Logging
import Pipeline

/// What a run shows at its end.
struct RunSummary: Encodable {
  enum Outcome: String, Encodable {
    /// Every row has a vector, except blank ones.
    case complete
    /// As `complete`, except for rows in quarantine.
    case quarantined
    /// All is done except rows that wait for a batch of the provider's.
    case waiting
    case stopped
    case failed
    /// Left to another process, with `--if-locked skip`.
    case skipped
  }

  let job: String
  /// Which round of `--follow` it was, from 2; nil for the first and for a run without.
  let round: Int?
  let outcome: Outcome
  let exitCode: Int32
  /// Whether nothing is left to do: each row has a vector, is blank or is in quarantine.
  let complete: Bool
  /// What ended it before, as `StopCause` names it; nil where nothing did.
  let stoppedBy: String?
  /// Of a run that failed: what it happened to, what happened, and what to do next.
  let subject: String?
  let reason: String?
  let remedy: String?
  let rowsWritten: Int
  /// Blank rows; nil where an index leaves them out and they aren't counted.
  let rowsExcluded: Int?
  let rowsChangedMeanwhile: Int
  let rowsQuarantined: Int
  /// Of those, rows whose text can't be read.
  let rowsUnreadable: Int
  /// Rows that lack a vector though the run is complete, since they arrived during its last sweep; nil where that isn't
  /// known.
  let rowsArrived: Int?
  /// Rows that wait for a batch of the provider's; nil for a run without one.
  let rowsWaiting: Int?
  /// Rows whose text was too long, and was truncated or averaged.
  let rowsFitted: Int
  let rowsRecovered: Int
  /// Rows that got the vector of another row with the same text; nil where equal texts are looked for in pages alone.
  let rowsCopied: Int?
  /// Rows that are left to do; nil where it isn't known.
  let rowsLeft: Int?
  /// Counted before they were sent, for the replies of this run.
  let tokensEstimated: Int
  let tokensBilled: Int
  /// The tokens that were billed for one that was estimated, by the last replies: what a run expects of further ones. nil
  /// where tokens are counted exactly, or no reply told any.
  let tokensBilledPerEstimated: Double?
  /// Whether the estimated tokens were counted by the model's own tokenizer.
  let countsExactly: Bool
  let costUsd: Double?
  let requests: Int
  let retries: Int
  let possiblyPaid: Int
  /// From the start to the end, the indexes included.
  let seconds: Double
  let indexesBuilt: [String]
  /// What that took, after the rows.
  let indexSeconds: Double
  /// Indexes that the application's searches have to do without until they are built.
  let indexesAway: [String]
  /// nil where the run failed before it was opened.
  let ledger: String?
  /// As the job spec says.
  let tooLong: String?
  /// What the run came to, in a sentence.
  private let message: String
  /// The job's name, and the shard's number where the run filled one.
  private let name: String

  /// - Parameters:
  ///   - shard: the shard that the run filled; nil for all of the job.
  ///   - requiresComplete: whether the exit code shows that a bound has left work.
  init(
    _ run: JobRun.Outcome, job: Job, shard: Int? = nil, countsExactly: Bool, ledger: String, round: Int? = nil,
    requiresComplete: Bool = true
  ) {
    let (tally, indexes) = (run.report.tally, run.indexes)
    self.job = job.name
    name = job.name + (shard.map { " shard \($0)" } ?? "")
    self.round = round
    (outcome, message) = RunSummary.outcome(run.ending, quarantined: tally.quarantined)
    exitCode = run.ending.exitCode(requiringComplete: requiresComplete).rawValue
    complete = run.isDone
    stoppedBy = if case .stopped(let cause) = run.ending { cause.rawValue } else { nil }
    let failure: Failure? = if case .failed(let failure) = run.ending { failure } else { nil }
    (subject, reason, remedy) = (failure?.subject, failure?.reason, failure?.remedy)
    rowsWritten = tally.written
    rowsExcluded = tally.blank
    rowsChangedMeanwhile = tally.changed
    rowsQuarantined = tally.quarantined
    rowsUnreadable = tally.unreadable
    rowsArrived = run.arrived
    rowsWaiting = tally.waiting
    rowsFitted = tally.fitted
    rowsRecovered = tally.recovered
    rowsCopied = job.duplicates == .table ? tally.copied ?? 0 : nil
    rowsLeft =
      run.isDone
      ? 0 : tally.total.map { max(0, $0 - tally.written - tally.changed - tally.excluded - tally.quarantined) }
    tokensEstimated = tally.estimatedTokens
    self.countsExactly = countsExactly
    tokensBilled = tally.billedTokens
    tokensBilledPerEstimated = tally.billedPerEstimated
    costUsd = tally.cost
    requests = tally.requests
    retries = tally.retries
    possiblyPaid = tally.possiblyPaid
    seconds = (run.report.duration + indexes.duration).seconds
    indexesBuilt = indexes.built
    indexSeconds = indexes.duration.seconds
    indexesAway = indexes.away
    self.ledger = ledger
    tooLong = job.preparation.tooLong.rawValue
  }

  /// That nothing was done since it failed first.
  init(failure: Failure, job: String) {
    self.init(.failed, "failed", failure, exitCode: failure.exitCode.rawValue, job)
  }

  /// That it is left to another process, which does it or has done it: why, with the exit code 0.
  init(skipped failure: Failure, job: String) {
    self.init(.skipped, "skipped: \(failure.reason)", failure, exitCode: failure.exitCode.rawValue, job)
  }

  private init(_ outcome: Outcome, _ message: String, _ failure: Failure, exitCode: Int32, _ job: String) {
    self.job = job
    name = job
    self.outcome = outcome
    self.message = message
    self.exitCode = exitCode
    complete = false
    stoppedBy = nil
    (subject, reason, remedy) = (failure.subject, failure.reason, failure.remedy)
    (round, rowsExcluded, rowsArrived, rowsWaiting, rowsCopied, rowsLeft) = (nil, nil, nil, nil, nil, nil)
    (rowsWritten, rowsChangedMeanwhile, rowsQuarantined, rowsUnreadable, rowsFitted, rowsRecovered) = (0, 0, 0, 0, 0, 0)
    (tokensEstimated, tokensBilled, requests, retries, possiblyPaid) = (0, 0, 0, 0, 0)
    (tokensBilledPerEstimated, costUsd, ledger, tooLong) = (nil, nil, nil, nil)
    (countsExactly, seconds, indexSeconds) = (false, 0, 0)
    (indexesBuilt, indexesAway) = ([], [])
  }

  /// The names of the vector indexes that a run has built, and of those that are away at its end.
  struct Indexes {
    var built: [String] = []
    var duration: Duration = .zero
    var away: [String] = []
  }

  private enum CodingKeys: String, CodingKey {
    case job, round, outcome, exitCode, complete, stoppedBy, subject, reason, remedy, rowsWritten, rowsExcluded
    case rowsChangedMeanwhile, rowsQuarantined, rowsUnreadable, rowsArrived, rowsWaiting, rowsFitted, rowsRecovered,
      rowsCopied,
      rowsLeft, tokensEstimated
    case tokensBilled, tokensBilledPerEstimated, countsExactly, costUsd, requests, retries, possiblyPaid, seconds
    case indexesBuilt, indexSeconds, indexesAway, ledger, tooLong
  }

  /// A failure's reason is told once, as the error that ends the process.
  private static func outcome(_ ending: Ending, quarantined: Int) -> (Outcome, String) {
    switch ending {
    case .complete where quarantined == 0: (.complete, "complete")
    case .complete, .quarantined:
      (.quarantined, "complete but for \(quarantined.of("quarantined row")); `vecfill quarantine list` shows why")
    case .waiting(let rows):
      (
        .waiting,
        "\(rows.of("row")) \(rows == 1 ? "waits" : "wait") for the provider's batch; run the same command later to go on"
      )
    case .stopped(.fetched): (.stopped, "what the provider had is written")
    case .stopped(let cause): (.stopped, "stopped by \(cause.name); \(cause.again)")
    case .failed: (.failed, "failed")
    }
  }

  /// Whether every row has what it can have.
  var isDone: Bool { [.complete, .quarantined].contains(outcome) }

  /// The first line that a person reads.
  var heading: String { "\(name): \(message)" }

  /// The event `run_finished`.
  var event: Event {
    Event(
      level: isDone || [.waiting, .skipped].contains(outcome) ? .info : outcome == .failed ? .error : .warning,
      name: .runFinished,
      message: heading,
      fields: eventFields)
  }

  /// The billed tokens, and by how much they differ from those that were counted; the local embedder bills none.
  private var tokens: String {
    guard tokensBilled > 0 else { return "0" }
    let off = tokensBilled - tokensEstimated
    let percent = tokensEstimated > 0 ? " (\((100 * Double(off) / Double(tokensEstimated)).fixed(1))%)" : ""
    let before = "\(countsExactly ? "counted" : "estimated") before: \(tokensEstimated.grouped)"
    let ratio = tokensBilledPerEstimated.map { "; \($0.fixed(2)) billed for 1 estimated" } ?? ""
    return "\(tokensBilled.grouped); \(before), difference \(off.grouped)\(off == 0 ? "" : percent)\(ratio)"
  }

  /// One line for a round of `--follow`.
  var line: String {
    var parts = ["\(rowsWritten.of("row")) written"]
    if rowsChangedMeanwhile > 0 { parts.append("\(rowsChangedMeanwhile.grouped) changed meanwhile") }
    if rowsQuarantined > 0 { parts.append("\(rowsQuarantined.grouped) quarantined") }
    if possiblyPaid > 0 { parts.append("\(possiblyPaid.of("request")) possibly paid twice") }
    if let costUsd { parts.append(costUsd.dollars) }
    parts.append("\(seconds.fixed(1)) s")
    return "\(name): round \(round ?? 1): \(parts.joined(separator: ", "))"
  }

  /// "2.4 s (208 rows/s)" or "2.4 s (208 rows/s without the indexes)"
  private var duration: String {
    let (all, rowSeconds) = (Duration.seconds(seconds).clock, seconds - indexSeconds)
    guard rowsWritten > 0, rowSeconds > 0 else { return all }
    let rate = Double(rowsWritten) / rowSeconds
    let shown = rate < 10 ? rate.fixed(1) : Int(rate.rounded()).grouped
    return "\(all) (\(shown) rows/s\(indexesBuilt.isEmpty ? "" : " without the indexes"))"
  }

  /// The lines that a person reads; what is always zero has none.
  var text: String {
    var rows: [(String, String)] = [
      ("rows written", rowsWritten.grouped + (rowsRecovered > 0 ? " (\(rowsRecovered.grouped) from the spool)" : ""))
    ]
    if rowsExcluded != 0 { rows.append(("blank, skipped", rowsExcluded?.grouped ?? Tally.blankUncounted)) }
    if rowsChangedMeanwhile > 0 { rows.append(("changed meanwhile", rowsChangedMeanwhile.grouped)) }
    if rowsQuarantined > 0 {
      rows.append(
        ("quarantined", rowsQuarantined.grouped + (rowsUnreadable > 0 ? " (\(rowsUnreadable.grouped) unreadable)" : ""))
      )
    }
    if let rowsArrived, rowsArrived > 0 { rows.append(("arrived meanwhile", "\(rowsArrived.grouped); run again")) }
    if let rowsCopied { rows.append(("equal texts", "\(rowsCopied.grouped) of them got another row's vector, unpaid")) }
    if let rowsWaiting, rowsWaiting > 0 { rows.append(("with the provider", rowsWaiting.of("row"))) }
    if rowsFitted > 0 { rows.append(("too long: \(tooLong ?? "")", rowsFitted.of("row"))) }
    if let rowsLeft, rowsLeft > 0 { rows.append(("left to do", rowsLeft.grouped)) }
    rows += [
      ("tokens billed", tokens),
      ("cost", costUsd?.dollars ?? "price unknown"),
      ("requests", requests.grouped + (retries > 0 ? " (\(retries.of("retry", plural: "retries")))" : "")),
    ]
    if possiblyPaid > 0 { rows.append(("possibly paid twice", possiblyPaid.of("request"))) }
    if !indexesBuilt.isEmpty {
      rows.append(
        ("indexes built", indexesBuilt.joined(separator: ", ") + " in \(Duration.seconds(indexSeconds).clock)"))
    }
    rows += [
      ("duration", duration),
      ("ledger", ledger ?? "not opened"),
    ]
    let closing =
      indexesAway.isEmpty
      ? ""
      : "\n\(indexesAway.joined(separator: ", ")): away until a run completes; "
        + "run the same command again, or `vecfill migrate restore` to have them back before"
    return "\(heading)\n" + FigureList(rows, nameWidth: 19).text + closing
  }
}
