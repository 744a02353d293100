import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger
import Logging
import Migrations
import Monitoring
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
  /// Whether the process has filled these columns before, and told what there is to know of the job.
  var isAgain = false
  var failOn = FailOn.quarantined
  var adopts = false
  /// The provider's batch API; nil where rows are only asked for by requests.
  var batches: BatchWork?
  /// What else the process is asked while it fills; nil where it is asked nothing.
  var steering: Steering?
  /// The shard of the job's plan that is filled; nil for all.
  var shard: Int?
  /// Watches the rounds; nil if nobody does.
  var monitor: RunMonitor?

  /// Runs the first round on an open database, and `body` with it and what makes a summary of a round; a `Failure` of the
  /// rows themselves is in the round's ending.
  func rounds<Value>(
    _ database: Database,
    _ body: (
      _ rounds: Rounds, _ first: JobRun.Outcome, _ summarize: (JobRun.Outcome, _ round: Int?) -> RunSummary
    ) async throws -> Value
  ) async throws -> Value {
    if !isAgain {
      for warning in configuration.warnings(before: job) { logger.warning("\(warning)") }
    }
    let embedder =
      try batches?.embedder
      ?? configuration.provider().embedder(for: job.model, doubtsRepeats: true) { logger.notice("\($0)") }
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
    let sharing = try await Sharing.open(job, configuration, ledger, maxOutage: maxOutage, logger)
    var policy = RunPolicy(
      grace: .seconds(grace), retry: RetryPolicy(maxOutage: .seconds(maxOutage)), maxQuarantined: maxQuarantined)
    policy.bounds = steering?.plan.bounds ?? Bounds()
    policy.failOn = failOn
    let rounds = Rounds(
      job: job, policy: policy, database: database, ledger: ledger, embedder: embedder, packer: packer, stops: stops,
      logger: logger, monitor: monitor, columns: columns, steering: steering, batches: batches, sharing: sharing,
      tellsHeader: !isAgain)
    return try await withSpool(of: claims) { spool in
      var rounds = rounds
      rounds.spool = spool
      return try await listening(to: claims, state) {
        let first = try await rounds.first(board, upkeep)
        return try await body(rounds, first) { outcome, round in
          RunSummary(
            outcome, job: job, shard: shard, countsExactly: counter.isExact, ledger: ledger.path, round: round,
            requiresComplete: steering?.plan.requiresComplete ?? true)
        }
      }
    }
  }
}

extension Filling {
  /// Runs `body` while the process can be asked something, if it can be.
  private func listening<Value>(
    to claims: [ColumnClaim], _ state: StateFolder, _ body: () async throws -> Value
  ) async throws -> Value {
    guard let steering, let first = claims.first else { return try await body() }
    return try await ControlServer(
      job: job, shard: shard, steering: steering, socket: ControlSocket(of: "\(first.column)", in: state.sockets),
      logger: logger
    ).serving(body)
  }
}

extension Ending {
  /// Throws what the process ends with where that isn't 0.
  func check(requiringComplete isRequired: Bool = true) throws {
    if case .failed(let failure) = self { throw failure }
    let code = exitCode(requiringComplete: isRequired)
    if code != .complete { throw ArgumentParser.ExitCode(code.rawValue) }
  }
}
