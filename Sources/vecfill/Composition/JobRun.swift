import Backfill
import Foundation
import Ledger
import Logging
import Pipeline

/// One run of a job that is locked and begun: its indexes, its rows, its indexes again.
struct JobRun: Sendable {
  let job: Job
  let id: Int64
  let database: Database
  let ledger: Ledger
  let upkeep: IndexUpkeep
  let pipeline: Pipeline
  let stops: StopRequests
  let logger: Logger

  /// Runs to the end, which is in the ledger then.
  func run() async throws -> (Pipeline.Report, RunSummary.Indexes) {
    var indexes = RunSummary.Indexes()
    let remaining: Int
    do {
      if case .done(let away) = try await stops.interrupting({
        try await upkeep.check()
        return try await upkeep.begin()
      }) {
        indexes.away = away
      }
      remaining = try await database.countRemaining(job)
    } catch let failure as Failure {
      try await ledger.end(id, .failed(failure), Tally(), at: Date())
      throw failure
    }
    logger.info("filling \(remaining.grouped) rows of \(job.sources.map(\.name).joined(separator: ", "))")
    // A stop that came before is heard by the pipeline too.
    let report = await pipeline.run(remaining: remaining, stops: stops.causes) { ending in
      // Nobody else takes an index away while the columns are locked.
      let isUnfinished = job.indexPolicy == .after || !indexes.away.isEmpty
      guard isUnfinished, [.complete, .quarantined].contains(ending.exitCode) else { return ending }
      let began = ContinuousClock.now
      do {
        switch try await stops.interrupting({ try await upkeep.finish() }) {
        case .done(let built):
          indexes = RunSummary.Indexes(built: built, duration: began.duration(to: .now))
          return ending
        case .stopped(let cause):
          return .stopped(cause)
        }
      } catch {
        return .failed(
          error as? Failure
            ?? Failure(.unavailable, "indexes", "\(type(of: error))", remedy: "run the same command again to go on"))
      }
    }
    if ![.complete, .quarantined].contains(report.ending.exitCode), job.indexPolicy != .keep || !indexes.away.isEmpty {
      // Where the database can't be asked any more, those are told that were away during the load.
      indexes.away = (try? await upkeep.away()) ?? indexes.away
    }
    return (report, indexes)
  }
}
