import Backfill
import Foundation
import Ledger
import Logging
import Monitoring
import Pipeline

/// What one process fills: the rows that lack a vector, and with `--follow` those that come after, round by round, until it
/// is stopped or fails. Each round is a run of its own in the ledger, and P1 holds for each. The columns stay locked.
struct Rounds: Sendable {
  let job: Job
  let policy: RunPolicy
  let database: Database
  let ledger: Ledger
  let embedder: any Embedder
  let packer: Packer
  let stops: StopSignals
  let logger: Logger
  let monitor: RunMonitor?
  let columns: [ColumnCheck.Checked]
  let steering: Steering?
  let batches: BatchWork?
  /// nil with `spool: ledger`.
  var spool: (any DatabaseSpool)?
  let sharing: Sharing?
  /// Whether the first round says what it is about to do.
  var tellsHeader = true

  /// The first round, which does all that a run does.
  func first(_ board: ProgressBoard, _ upkeep: IndexUpkeep) async throws -> JobRun.Outcome {
    try await round(columns, board, upkeep, policy) { begun in
      if tellsHeader { tellHeader(begun) }
      tellRecovery(begun)
      if let cut = job.cutting { logger.info("\(cut)") }
    }
  }

  /// The rounds after the first, each as soon as there is something to fill. `tell` is called with the number of each.
  ///
  /// Returns how the last one ended: where the process is stopped while nothing is left to do, as that round did.
  func follow(
    after first: JobRun.Outcome, noIndexes upkeep: (ProgressBoard) throws -> IndexUpkeep,
    tell: (JobRun.Outcome, _ round: Int) -> Void
  ) async throws -> JobRun.Outcome {
    var last = first
    var number = 1
    let lookout = Lookout(
      job: job, store: database.store,
      search: WorkSearch(job: job, store: database.store, ledger: ledger, targets: first.targets, packer: packer))
    // What the first round has compared or recorded is so.
    let columns = columns.map {
      ColumnCheck.Checked(column: $0.column, comparison: nil, recorded: $0.column.fingerprint)
    }
    var policy = policy
    policy.mostEdited = 10 * job.pageLimit
    policy.bounds = policy.bounds.left(after: first.report.tally)
    logger.info("following \(job.sources.map(\.name).joined(separator: ", "))")
    while last.isDone {
      steering?.waitForRows()
      let hasWork = try await stops.requests.interrupting { [steering] in
        try await steering?.untilReleased()
        try await lookout.wait()
        try await steering?.untilReleased()
      }
      guard case .done = hasWork else { return last }
      number += 1
      let board = ProgressBoard()
      last = try await round(columns, board, upkeep(board), policy) { _ in }
      policy.bounds = policy.bounds.left(after: last.report.tally)
      tell(last, number)
    }
    return last
  }

  private func round(
    _ columns: [ColumnCheck.Checked], _ board: ProgressBoard, _ upkeep: IndexUpkeep, _ policy: RunPolicy,
    begun tellBegun: (Ledger.BegunRun) -> Void
  ) async throws -> JobRun.Outcome {
    let run = JobRun(
      job: job, database: database, ledger: ledger, columns: columns, upkeep: upkeep, stops: stops.requests,
      steering: steering, spool: spool
    ) { logger.warning("\($0)") }
    steering?.show(board)
    monitor?.beginRound(board)
    let requests = RequestLog(logger, provider: job.model.provider)
    let reporter = Reporter(job: job.name, board: board, console: .standard, logger: logger, requests: requests)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await reporter.report() }
      defer { group.cancelAll() }
      let outcome = try await run.run { begun in
        try expectModel(of: begun)
        stops.begin()
        tellBegun(begun)
        var job = job
        if let steering { job.terms = steering.terms }
        return Pipeline(
          job: job, policy: policy, store: database.store, embedder: embedder, ledger: ledger, begun: begun,
          packer: packer, board: board,
          observer: RunObserver(job, database.shapes, upkeep, requests, logger).and(monitor?.observer),
          countsBlank: database.countsBlank, comparisons: columns.compactMap(\.comparison), desk: desk(begun, policy),
          sharing: sharing?.member(begun))
      }
      monitor?.endRound(isComplete: outcome.isDone)
      return outcome
    }
  }

  /// Has the embedder take no vectors but those of the model that the columns have some of (P4).
  private func expectModel(of begun: Ledger.BegunRun) throws {
    let named = zip(job.sources, begun.servedModels).compactMap { source, model in model.map { (source.column, $0) } }
    guard let first = named.first else { return }
    if let other = named.first(where: { $0.1.digest != first.1.digest }) {
      throw Failure(
        .configuration, other.0,
        "the server gave the model of its vectors another name than that of \(first.0)",
        remedy: "fill them by two jobs; or, if both are the same model, `vecfill ledger forget` one of the columns")
    }
    embedder.expect(first.1)
  }

  private func desk(_ begun: Ledger.BegunRun, _ policy: RunPolicy) -> BatchDesk? {
    batches.map { batches in
      BatchDesk(
        job: job, terms: batches.terms, retry: policy.retry, store: database.store, ledger: ledger, begun: begun,
        provider: batches.provider, packer: packer
      ) { logger.tell($0) }
    }
  }

  private func tellHeader(_ begun: Ledger.BegunRun) {
    let header = RunHeader(
      job, on: database.store.identity, begun, ledger: ledger.path, spentByAll: sharing.map { $0.spent ?? 0 })
    if Console.standard.isLive, logger.logLevel <= .info {
      Console.standard.log(header.text(width: Console.standard.width))
    } else {
      logger.tell(.info, .runStarted, header.line, header.eventFields)
    }
  }

  private func tellRecovery(_ begun: Ledger.BegunRun) {
    for change in begun.changes { logger.notice("\(change)") }
    let ofPieces = begun.spooled.filter { job.sources[$0.source].chunks != nil }
    if !ofPieces.isEmpty {
      let replies = ofPieces.count.of("reply", plural: "replies")
      let hold = ofPieces.count == 1 ? "holds" : "hold"
      logger.info("\(replies) of an earlier run \(hold) pieces of texts, which are not asked for again")
    }
    let whole = begun.spooled.filter { job.sources[$0.source].chunks == nil }
    if !whole.isEmpty {
      let rows = whole.reduce(0) { $0 + $1.rows }
      logger.tell(
        .info, .spoolRecovered,
        "\(rows.of("row")) of an earlier run \(rows == 1 ? "is" : "are") in the spool, to be written without a call",
        ["rows": .integer(rows)])
    }
    if begun.possiblyPaid > 0 {
      logger.tell(
        .warning, .possiblyPaid,
        "\(begun.possiblyPaid.of("request")) of an earlier run had no reply, and may be paid twice",
        ["possibly_paid": .integer(begun.possiblyPaid)])
    }
  }
}
