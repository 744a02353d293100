import Backfill
import Foundation
import Ledger
import Logging
import Pipeline

/// The life of one run whose columns are locked: it is begun in the ledger, its rows are filled, its indexes are put
/// back, and its end is recorded.
struct JobRun: Sendable {
  let job: Job
  let database: Database
  let ledger: Ledger
  let columns: [ColumnCheck.Checked]
  let upkeep: IndexUpkeep
  let stops: StopRequests
  let steering: Steering?
  /// What is received is kept in it as well; nil with `spool: ledger`.
  var spool: (any DatabaseSpool)?
  /// Is told what a person should know of the columns.
  let warn: @Sendable (String) -> Void

  /// What a run came to.
  struct Outcome: Sendable {
    let ending: Ending
    let report: Pipeline.Report
    let indexes: RunSummary.Indexes
    /// Rows that lack a vector at the end though the run is complete: they arrived, or were emptied, during its last
    /// sweep. nil where they could not be counted, or the run is not complete.
    let arrived: Int?
    /// For each source of the job the ledger's id of its column.
    let targets: [Int64]

    /// Whether every row has what it can have.
    var isDone: Bool { [.complete, .quarantined].contains(ending.exitCode) }
  }

  /// Runs to the end, which is in the ledger then.
  ///
  /// - Parameter pipeline: makes the pipeline for the run as the ledger began it.
  func run(_ pipeline: (Ledger.BegunRun) throws -> Pipeline) async throws -> Outcome {
    let begun = try await ledger.begin(
      job, on: database.store.identity, columns: columns.map(\.column), spool: spool, at: Date())
    let filling: Pipeline
    do {
      try await upkeep.check()
      for (index, column) in columns.enumerated()
      where column.comparison == nil && column.recorded != column.column.fingerprint {
        try await record(index)
      }
      filling = try pipeline(begun)
    } catch let failure as Failure {
      try await ledger.end(begun.id, .failed(failure), Tally(), at: Date())
      throw failure
    }
    let away = Locked<[String]>([])
    let dropIndexes: @Sendable () async throws -> Void = {
      // Nobody else takes an index away while the columns are locked.
      if case .done(let names) = try await stops.interrupting({ try await upkeep.begin() }) {
        away.withLock { $0 = names }
      }
    }
    let asked = steering?.join()
    let report = await filling.fill(
      stops: stops.causes, hold: asked?.hold, steering: asked?.events, prepare: upkeep.hasWork ? dropIndexes : nil,
      prove: { source in
        try await record(source)
        try await ledger.prove(begun.targets[source])
      })
    var indexes = RunSummary.Indexes(away: away.withLock { $0 })
    var ending = await settle(&indexes, report.ending)
    ending = await close(begun.id, with: ending, report.tally)
    return Outcome(
      ending: ending, report: report, indexes: indexes, arrived: await arrived(ending, report.tally),
      targets: begun.targets)
  }

  /// Records in the database what a column is filled with; where that is not possible, the ledger alone knows it.
  ///
  /// Throws a `Failure` with `.denied` where the database goes on saying that it is filled with something else.
  func record(_ source: Int) async throws {
    let column = columns[source].column
    guard let reason = try await database.store.record(column.fingerprint, of: column.source) else { return }
    if let stale = columns[source].recorded {
      throw Failure(
        .denied, column.source.column,
        "the database says that it holds vectors of [\(stale)], the job makes [\(column.fingerprint)], and the record can't be changed: \(reason)",
        remedy: "let the role write that table, or let its owner delete the record")
    }
    warn(
      "what \(column.source.column) is made of is known to this ledger alone, and a run with another one would not see it: \(reason)"
    )
  }

  private func isDone(_ ending: Ending) -> Bool { [.complete, .quarantined].contains(ending.exitCode) }

  /// Brings the indexes to where the ending wants them; returns how the run ends with that.
  func settle(_ indexes: inout RunSummary.Indexes, _ ending: Ending) async -> Ending {
    guard upkeep.hasWork else { return ending }
    let began = ContinuousClock.now
    do {
      switch IndexEnding(ending) {
      case .finish:
        switch try await stops.interrupting({ try await upkeep.finish() }) {
        case .done(let built):
          indexes = RunSummary.Indexes(built: built, duration: built.isEmpty ? .zero : began.duration(to: .now))
        case .stopped(let cause):
          return .stopped(cause)
        }
      case .putBack:
        if case .done(let built) = try await stops.interrupting({ try await upkeep.putBack() }) {
          indexes = RunSummary.Indexes(built: built, duration: began.duration(to: .now))
        }
      case .leave:
        // Where the database can't be asked any more, the summary names those that were away during the load.
        indexes.away = (try? await upkeep.away()) ?? indexes.away
      }
      return ending
    } catch {
      // What ended the rows says more than that an index is not back; the summary names that index.
      if case .failed = ending { return ending }
      return .failed(
        error as? Failure
          ?? Failure(.unavailable, "indexes", "\(type(of: error))", remedy: "run the same command again to go on"))
    }
  }

  /// Records the end; where that fails, that is how the run has ended.
  private func close(_ run: Int64, with ending: Ending, _ tally: Tally) async -> Ending {
    do {
      let code = ending.exitCode(requiringComplete: steering?.plan.requiresComplete ?? true)
      try await ledger.end(run, ending, tally, exitCode: code, at: Date())
      return ending
    } catch {
      if case .failed = ending { return ending }
      return .failed(
        error as? Failure ?? Failure(.localIO, ledger.path, "\(type(of: error))", remedy: "check the disk"))
    }
  }

  private func arrived(_ ending: Ending, _ tally: Tally) async -> Int? {
    guard isDone(ending),
      case .done(let remaining)? = try? await stops.interrupting({ try await database.countRemaining(job) })
    else { return nil }
    return max(0, remaining - tally.excluded - tally.quarantined)
  }
}
