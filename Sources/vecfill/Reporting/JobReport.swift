import Backfill
import Foundation
import Ledger

/// What `vecfill status` shows of a job.
struct JobReport: Encodable {
  let job: String
  /// The shard that it filled; nil for all of the job.
  let shard: Int?
  let database: String
  let columns: [String]
  let model: String
  let dimensions: Int
  /// running, paused, waiting, following, stopping, completed, stopped, failed, or died: recorded as running while nobody
  /// holds its lock.
  let state: String
  let reason: String?
  let exitCode: Int32?
  let process: String?
  let startedAt: Date
  let endedAt: Date?
  let rowsTotal: Int?
  /// Rows that need nothing more, those of the runs that it went on with included.
  let rowsDone: Int
  let rowsWritten: Int
  /// Of the last two minutes; nil where nothing runs.
  let rowsPerSecond: Double?
  let tokensPerMinute: Double?
  /// When all rows will be done at that rate; nil where that can't be told, or nothing new is begun.
  let eta: Date?
  /// Blank rows; nil where an index leaves them out and they aren't counted.
  let rowsExcluded: Int?
  let rowsChangedMeanwhile: Int
  let rowsQuarantined: Int
  private let released: Int
  let tokensBilled: Int
  let costUsd: Double?
  let requests: Int
  let retries: Int
  let possiblyPaid: Int
  let spooledBatches: Int
  /// nil with `spool: ledger`, and where the job is not named by its spec.
  let databaseSpool: SpoolReport?
  let openRequests: Int
  /// What waits for the provider's batch API.
  let batches: [BatchReport]
  /// How the running process stands, as it says itself; nil where none can be asked.
  let control: ControlReport?
  /// What the job shares with others; nil where that is nothing, or where no spec says where it is.
  let shared: ShareReport?
  /// The job's stored plan; nil where there is none, and where the job is not named by its spec.
  let shards: ShardReport?
  let ledger: String
  private let stored: [(String, String)]
  private let now: Date

  init(
    _ status: Ledger.JobStatus, holder: RunLock.Holder?, control: ControlReport? = nil, batches: [BatchReport] = [],
    stored: StoredReport = StoredReport(), ledger: String, at now: Date
  ) {
    self.control = control
    (databaseSpool, shared, shards, self.stored) = (stored.spool, stored.shared, stored.shards, stored.figures)
    self.batches = batches
    self.now = now
    job = status.job
    shard = status.shard
    database = status.database
    columns = status.columns.map { "\($0.source).\($0.vectorColumn)" }
    model = status.fingerprint.model
    dimensions = status.fingerprint.dimensions
    state = status.state == .running && holder == nil ? "died" : control?.state ?? status.state.rawValue
    reason = status.reason
    exitCode = status.exitCode
    let isAlive = holder != nil && (status.state == .running || control != nil)
    process = isAlive ? holder.map { "\($0.pid) on \($0.host)" } : nil
    startedAt = status.startedAt
    endedAt = status.endedAt
    let tally = status.tally
    let done = status.done
    // What the runs before it wrote lacks no vector any more, so this one hasn't counted it.
    let finished = status.writtenBefore + done
    let all = tally.total.map { status.writtenBefore + max($0, done + tally.quarantined) }
    (rowsDone, rowsTotal) = (finished, all)
    // No run of a shard that is done takes any: `vecfill finish` does.
    released = status.state == .completed && status.shard == nil ? status.released : 0
    rowsWritten = tally.written
    // Between two rounds of --follow the newest run has ended.
    let recent = holder != nil && status.state == .running ? status.recent : nil
    // Equal texts share an input, and long ones have several.
    let rowsPerInput = recent.map { $0.allInputs > 0 ? Double(tally.written) / Double($0.allInputs) : 0 } ?? 0
    let rate = recent.map { Double($0.inputs) * rowsPerInput / $0.seconds }
    rowsPerSecond = rate
    tokensPerMinute = recent.map { 60 * Double($0.billedTokens) / $0.seconds }
    let left = all.map { $0 - finished - tally.quarantined } ?? 0
    let isHeld = control?.isHeld ?? false
    eta = rate.flatMap { $0 > 0 && left > 0 && !isHeld ? now.addingTimeInterval(Double(left) / $0) : nil }
    rowsExcluded = tally.blank
    rowsChangedMeanwhile = tally.changed
    rowsQuarantined = status.quarantined
    tokensBilled = status.totals.billedTokens
    costUsd = status.totals.cost ?? (status.totals.requests == 0 ? 0 : nil)
    requests = status.totals.requests
    retries = tally.retries
    possiblyPaid = status.totals.possiblyPaid
    spooledBatches = status.totals.spooledBatches
    openRequests = status.totals.openRequests
    self.ledger = ledger
  }

  private enum CodingKeys: String, CodingKey {
    case job, shard, database, columns, model, dimensions, state, reason, exitCode, process, startedAt, endedAt,
      rowsTotal
    case rowsDone, rowsWritten, rowsPerSecond, tokensPerMinute, eta, rowsExcluded, rowsChangedMeanwhile
    case rowsQuarantined, tokensBilled, costUsd, requests, retries, possiblyPaid, spooledBatches, databaseSpool,
      openRequests, batches,
      control
    case shared, shards, ledger
  }

  /// The lines that a person reads; what is always zero has none.
  var text: String {
    var rows = [
      ("database", database),
      (columns.count == 1 ? "column" : "columns", columns.joined(separator: ", ")),
      ("model", "\(model), \(dimensions) dimensions"),
      ("last run", lastRun),
      ("rows done", rowsInAll),
      ("rows written", rowsWritten.grouped),
    ]
    if let pace { rows.append(("pace", pace)) }
    if rowsExcluded != 0 { rows.append(("blank, skipped", rowsExcluded?.grouped ?? Tally.blankUncounted)) }
    if rowsChangedMeanwhile > 0 { rows.append(("changed meanwhile", rowsChangedMeanwhile.grouped)) }
    if rowsQuarantined > 0 { rows.append(("quarantined", rowsQuarantined.grouped)) }
    rows.append(
      (
        "all runs",
        "\(requests.of("reply", plural: "replies")), \(tokensBilled.of("token")), \(costUsd?.dollars ?? "price unknown")"
      ))
    if possiblyPaid > 0 { rows.append(("possibly paid twice", possiblyPaid.of("request"))) }
    if spooledBatches > 0 {
      rows.append(("in the spool", "\(spooledBatches.of("batch", plural: "batches")), paid and not yet written"))
    }
    for batch in batches { rows.append(("with the provider", batch.line)) }
    if let control { rows.append(("in force", control.inForce)) }
    rows += stored
    if openRequests > 0 { rows.append(("without a reply", openRequests.of("request"))) }
    rows.append(("ledger", ledger))
    return "\(job)\(shard.map { " shard \($0)" } ?? ""): \(outcome)\n" + FigureList(rows, nameWidth: 19).text
  }

  /// "500 of 2,000 (25.0%)"
  private var rowsInAll: String {
    if state == "completed", rowsDone == 0, rowsTotal ?? 0 == 0 { return "nothing to do" }
    return rowsDone.grouped + (rowsTotal.map { " of \($0.grouped)\(percent)" } ?? "")
  }

  private var percent: String {
    guard let rowsTotal, rowsTotal > 0 else { return "" }
    return " (\((Double(rowsDone) / Double(rowsTotal)).percentDone))"
  }

  /// "812 rows/s, 96.1k tokens/min, ETA 3 min"; nil where nothing runs.
  private var pace: String? {
    guard let rowsPerSecond, let tokensPerMinute else { return nil }
    let parts = [
      "\(rowsPerSecond.fixed(rowsPerSecond < 10 ? 1 : 0)) rows/s",
      tokensPerMinute > 0 ? "\(Int(tokensPerMinute).short) tokens/min" : nil, eta.map { "ETA \($0.eta(from: now))" },
    ]
    return parts.compactMap(\.self).joined(separator: ", ")
  }

  private var outcome: String {
    switch state {
    case "running": "running\(process.map { " in process \($0)" } ?? "")"
    case "paused", "stopping": "\(state)\(process.map { ", process \($0)" } ?? "")"
    case "waiting": "waiting: \(control?.waitingReason ?? "")\(process.map { ", process \($0)" } ?? "")"
    case "died": "its process died; run the same command again to go on"
    case "following": "\(completion); following, it waits for rows\(process.map { ", process \($0)" } ?? "")"
    case "completed": completion
    case "stopped" where exitCode == ExitCode.waiting.rawValue: "waiting for the provider: \(reason ?? "")"
    case "stopped": "\(reason ?? "stopped"); \(stopped?.again ?? "`vecfill run` fills what lacks a vector")"
    default: "failed: \(reason ?? "for a reason that was not recorded")"
    }
  }

  /// What stopped it; nil for a load, which ends with its files.
  private var stopped: StopCause? { StopCause.allCases.first { reason == "stopped by \($0.name)" } }

  /// Of a run that has ended complete.
  private var completion: String {
    if released > 0 {
      let left = released + rowsQuarantined
      let taken = released < left ? "\(released.grouped) of them" : left == 1 ? "it" : "them"
      return "complete but for \(left.of("row")); the next run takes \(taken)"
    }
    if rowsQuarantined > 0 {
      return "complete but for \(rowsQuarantined.of("quarantined row")); `vecfill quarantine list` shows why"
    }
    return "complete"
  }

  private var lastRun: String {
    let from = startedAt.stamp(isShort: false)
    return endedAt.map { "\(from), \(Duration.seconds($0.timeIntervalSince(startedAt)).clock)" } ?? "since \(from)"
  }
}
