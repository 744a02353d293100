import Backfill
import Foundation
import Ledger

/// What `vecfill status` tells of a job.
struct JobReport: Encodable {
  let job: String
  let database: String
  let columns: [String]
  let model: String
  let dimensions: Int
  /// running, paused, waiting, stopping, completed, stopped, failed, or died: recorded as running while nobody holds its lock.
  let state: String
  let reason: String?
  let exitCode: Int32?
  let process: String?
  let startedAt: Date
  let endedAt: Date?
  let rowsTotal: Int?
  let rowsWritten: Int
  /// Blank rows; nil where an index leaves them out and they aren't counted.
  let rowsExcluded: Int?
  let rowsChangedMeanwhile: Int
  let rowsQuarantined: Int
  let tokensBilled: Int
  let costUsd: Double?
  let requests: Int
  let retries: Int
  let possiblyPaid: Int
  let spooledBatches: Int
  let openRequests: Int
  /// How the running process stands, as it tells itself; nil where none can be asked.
  let control: ControlReport?
  let ledger: String

  init(
    _ status: Ledger.JobStatus, holder: RunLock.Holder?, control: ControlReport? = nil, ledger: String
  ) {
    self.control = control
    job = status.job
    database = status.database
    columns = status.columns.map { "\($0.source).\($0.vectorColumn)" }
    model = status.fingerprint.model
    dimensions = status.fingerprint.dimensions
    state = status.state == .running && holder == nil ? "died" : control?.state ?? status.state.rawValue
    reason = status.reason
    exitCode = status.exitCode
    process = status.state == .running ? holder.map { "\($0.pid) on \($0.host)" } : nil
    startedAt = status.startedAt
    endedAt = status.endedAt
    rowsTotal = status.tally.total
    rowsWritten = status.tally.written
    rowsExcluded = status.tally.blank
    rowsChangedMeanwhile = status.tally.changed
    rowsQuarantined = status.columns.reduce(0) { $0 + $1.quarantined }
    tokensBilled = status.totals.billedTokens
    costUsd = status.totals.cost
    requests = status.totals.requests
    retries = status.tally.retries
    possiblyPaid = status.totals.possiblyPaid
    spooledBatches = status.totals.spooledBatches
    openRequests = status.totals.openRequests
    self.ledger = ledger
  }

  /// The lines that a person reads.
  var text: String {
    var rows = [
      ("database", database),
      ("columns", columns.joined(separator: ", ")),
      ("model", "\(model), \(dimensions) dimensions"),
      ("last run", lastRun),
      ("rows written", rowsWritten.grouped + (rowsTotal.map { " of \($0.grouped)" } ?? "")),
      ("excluded, blank", rowsExcluded?.grouped ?? Tally.blankUncounted),
      ("changed meanwhile", rowsChangedMeanwhile.grouped),
      ("quarantined", rowsQuarantined.grouped),
      (
        "all runs",
        "\(requests.grouped) replies, \(tokensBilled.grouped) tokens, \(costUsd?.dollars ?? "price unknown")"
      ),
      ("possibly paid twice", "\(possiblyPaid.grouped) requests"),
    ]
    if spooledBatches > 0 {
      rows.append(("in the spool", "\(spooledBatches.grouped) batches, paid and not yet written"))
    }
    if let control { rows.append(("in force", control.inForce)) }
    if openRequests > 0 { rows.append(("without a reply", "\(openRequests.grouped) requests")) }
    rows.append(("ledger", ledger))
    return "\(job): \(outcome)\n" + FigureList(rows).text
  }

  private var outcome: String {
    switch state {
    case "running": "running\(process.map { " in process \($0)" } ?? "")"
    case "paused", "stopping": "\(state)\(process.map { ", process \($0)" } ?? "")"
    case "waiting": "waiting: \(control?.waiting ?? "")\(process.map { ", process \($0)" } ?? "")"
    case "died": "its process died; run the same command again to go on"
    case "completed": "complete"
    case "stopped": "\(reason ?? "stopped"); run the same command again to go on"
    default: "failed: \(reason ?? "for a reason that was not recorded")"
    }
  }

  private var lastRun: String {
    let from = startedAt.formatted(.iso8601)
    return endedAt.map { "\(from), \(Duration.seconds($0.timeIntervalSince(startedAt)).clock)" } ?? "since \(from)"
  }
}
