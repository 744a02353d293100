import Backfill
import Pipeline

/// What a run tells at its end.
struct RunSummary: Encodable {
  let job: String
  /// Which round of `--follow` it was, from 2; nil for the first and for a run without.
  let round: Int?
  let outcome: String
  let exitCode: Int32
  /// Whether nothing is left to do: each row has a vector, is blank or is in quarantine.
  let complete: Bool
  /// What ended it before, as `StopCause` names it; nil where nothing did.
  let stoppedBy: String?
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
  let seconds: Double
  let indexesBuilt: [String]
  /// What that took, after the rows.
  let indexSeconds: Double
  /// Indexes that the application's searches have to do without until they are built.
  let indexesAway: [String]
  let ledger: String
  /// As the job spec says.
  let tooLong: String

  /// - Parameter requiresComplete: whether the exit code tells that a bound has left work.
  init(
    _ run: JobRun.Outcome, job: Job, countsExactly: Bool, ledger: String, round: Int? = nil,
    requiresComplete: Bool = true
  ) {
    let (tally, indexes) = (run.report.tally, run.indexes)
    self.job = job.name
    self.round = round
    outcome = RunSummary.outcome(run.ending, quarantined: tally.quarantined)
    exitCode = run.ending.exitCode(requiringComplete: requiresComplete).rawValue
    complete = run.isDone
    stoppedBy = if case .stopped(let cause) = run.ending { cause.rawValue } else { nil }
    rowsWritten = tally.written
    rowsExcluded = tally.blank
    rowsChangedMeanwhile = tally.changed
    rowsQuarantined = tally.quarantined
    rowsUnreadable = tally.unreadable
    rowsArrived = run.arrived
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
    seconds = run.report.duration.seconds
    indexesBuilt = indexes.built
    indexSeconds = indexes.duration.seconds
    indexesAway = indexes.away
    self.ledger = ledger
    tooLong = job.preparation.tooLong.rawValue
  }

  /// The names of the vector indexes that a run has built, and of those that are away at its end.
  struct Indexes {
    var built: [String] = []
    var duration: Duration = .zero
    var away: [String] = []
  }

  private static func outcome(_ ending: Ending, quarantined rows: Int) -> String {
    switch ending {
    case .complete where rows == 0: "complete: every row has a vector, except the blank ones"
    case .complete, .quarantined:
      "complete but for \(rows.grouped) quarantined row\(rows == 1 ? "" : "s"); `vecfill quarantine list` tells why"
    case .stopped(let cause): "stopped by \(cause.name); run the same command again to go on"
    case .failed(let failure): "failed: \(failure)"
    }
  }

  /// The billed tokens, and by how much they differ from those that were counted; the local embedder bills none.
  private var tokens: String {
    guard tokensBilled > 0 else { return "0" }
    let off = tokensBilled - tokensEstimated
    let percent = tokensEstimated > 0 ? " (\((100 * Double(off) / Double(tokensEstimated)).fixed(1)) %)" : ""
    let before = "\(countsExactly ? "counted" : "estimated") before: \(tokensEstimated.grouped)"
    let ratio = tokensBilledPerEstimated.map { "; \($0.fixed(2)) billed for 1 estimated" } ?? ""
    return "\(tokensBilled.grouped); \(before), difference \(off.grouped)\(off == 0 ? "" : percent)\(ratio)"
  }

  /// One line for a round of `--follow`.
  var line: String {
    var parts = ["\(rowsWritten.grouped) row\(rowsWritten == 1 ? "" : "s") written"]
    if rowsChangedMeanwhile > 0 { parts.append("\(rowsChangedMeanwhile.grouped) changed meanwhile") }
    if rowsQuarantined > 0 { parts.append("\(rowsQuarantined.grouped) quarantined") }
    if possiblyPaid > 0 { parts.append("\(possiblyPaid.grouped) requests possibly paid twice") }
    if let costUsd { parts.append(costUsd.dollars) }
    parts.append("\(seconds.fixed(1)) s")
    return "\(job): round \(round ?? 1): \(parts.joined(separator: ", "))"
  }

  /// The lines that a person reads.
  var text: String {
    let rate = seconds > 0 ? Double(rowsWritten) / seconds : 0
    var rows: [(String, String)] = [
      ("rows written", rowsWritten.grouped + (rowsRecovered > 0 ? " (\(rowsRecovered.grouped) from the spool)" : "")),
      ("excluded, blank", rowsExcluded?.grouped ?? Tally.blankUncounted),
      ("changed meanwhile", rowsChangedMeanwhile.grouped),
      ("quarantined", rowsQuarantined.grouped + (rowsUnreadable > 0 ? " (\(rowsUnreadable.grouped) unreadable)" : "")),
    ]
    if let rowsArrived, rowsArrived > 0 { rows.append(("arrived meanwhile", "\(rowsArrived.grouped); run again")) }
    if let rowsCopied { rows.append(("equal texts", "\(rowsCopied.grouped) of them got another row's vector, unpaid")) }
    if rowsFitted > 0 { rows.append(("too long: \(tooLong)", "\(rowsFitted.grouped) rows")) }
    if let rowsLeft, rowsLeft > 0 { rows.append(("left to do", rowsLeft.grouped)) }
    rows += [
      ("tokens billed", tokens),
      ("cost", costUsd?.dollars ?? "price unknown"),
      ("requests", "\(requests.grouped) (\(retries.grouped) retries)"),
      ("possibly paid twice", "\(possiblyPaid.grouped) requests"),
      ("duration", "\(Duration.seconds(seconds).clock) (\(Int(rate).grouped) rows/s)"),
      ("ledger", ledger),
    ]
    if !indexesBuilt.isEmpty {
      rows.append(
        ("indexes built", indexesBuilt.joined(separator: ", ") + " in \(Duration.seconds(indexSeconds).clock)"))
    }
    let closing =
      indexesAway.isEmpty
      ? ""
      : "\n\(indexesAway.joined(separator: ", ")): away until a run completes; "
        + "run the same command again, or `vecfill migrate restore` to have them back before"
    return "\(job): \(outcome)\n" + FigureList(rows).text + closing
  }
}
