import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger
import Logging
import Migrations
import Pipeline
import Tokenizer

/// Fills a job's columns once, from the claims to the summary: `vecfill run`, and the filling of `vecfill reembed`.
struct Filling {
  let job: Job
  let configuration: JobConfiguration
  let logger: Logger
  let stops: StopSignals
  var grace: Double = 20
  var maxOutage: Double = 600
  var maxQuarantined = 0
  var adopts = false
  /// Whether progress is a live line.
  var isLive: Bool

  /// Runs to the end on an open database; a `Failure` of the run itself is in its ending.
  func run(_ database: Database) async throws -> (ending: Ending, summary: RunSummary) {
    for warning in configuration.warnings() { logger.warning("\(warning)") }
    let embedder = try configuration.provider().embedder(for: job.model) { logger.notice("\($0)") }
    let state = try StateFolder()
    let board = ProgressBoard()
    let upkeep = try IndexUpkeep(
      job, configuration, Narrator(logger, board), mayBeAway: database.shapes.contains(where: \.indexes.mayBeAway))
    let (claims, locks) = try await database.claim(job, in: state.locks)
    defer { withExtendedLifetime((locks, stops)) {} }
    let counter = try TokenCounter(for: configuration.catalogueModel)
    try counter.check(job)
    let ledger = try Ledger.open(at: configuration.ledgerPath ?? state.ledger)
    database.warn(logger)
    for warning in Set(claims.flatMap(\.warnings)).sorted() { logger.warning("\(warning)") }
    let packer = Packer(job, model: job.model, counter: counter)
    let columns = try await ColumnCheck(
      job: job, store: database.store, ledger: ledger, claims: claims, packer: packer, adopts: adopts
    ).columns()
    let policy = RunPolicy(
      grace: .seconds(grace), retry: RetryPolicy(maxOutage: .seconds(maxOutage)), maxQuarantined: maxQuarantined)
    let run = JobRun(
      job: job, database: database, ledger: ledger, columns: columns, upkeep: upkeep, stops: stops.requests
    ) { logger.warning("\($0)") }
    let reporter = Reporter(board: board, console: .standard, logger: logger, isLive: isLive)
    let outcome = try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await reporter.report() }
      defer { group.cancelAll() }
      return try await run.run { begun in
        stops.begin()
        tellRecovery(begun)
        logger.info("filling \(job.sources.map(\.name).joined(separator: ", "))")
        return Pipeline(
          job: job, policy: policy, store: database.store, embedder: embedder, ledger: ledger, begun: begun,
          packer: packer, board: board, observer: RunObserver(job, database.shapes, upkeep, logger),
          countsBlank: database.countsBlank, comparisons: columns.compactMap(\.comparison))
      }
    }
    return (outcome.ending, RunSummary(outcome, job: job, countsExactly: counter.isExact, ledger: ledger.path))
  }

  private func tellRecovery(_ begun: Ledger.BegunRun) {
    for change in begun.changes { logger.notice("\(change)") }
    if !begun.spooled.isEmpty {
      let rows = begun.spooled.reduce(0) { $0 + $1.rows }
      logger.info("\(rows.grouped) rows of an earlier run are in the spool and are written without a call")
    }
    if begun.possiblyPaid > 0 {
      logger.warning("\(begun.possiblyPaid) requests of an earlier run had no reply; they may be paid twice")
    }
  }
}

extension Ending {
  /// Throws what the process ends with where it isn't complete.
  func check() throws {
    if case .failed(let failure) = self { throw failure }
    if exitCode != .complete { throw ArgumentParser.ExitCode(exitCode.rawValue) }
  }
}
