import Backfill
import Foundation
import Ledger

extension JobRun {
  /// What a load came to.
  struct Loaded: Sendable {
    let tally: LoadTally
    let indexes: RunSummary.Indexes
    /// Rows that lack a vector now, those in quarantine included, and blank ones where `countsBlank`.
    let remaining: Int
    let countsBlank: Bool
  }

  /// Loads to the end of the files; a load is a run of its own in the ledger.
  ///
  /// - Parameter paid: what the vectors have cost, in dollars; nil where nobody said it. It is entered by a load that has
  ///   written rows and has no wrong lines: one with some is done again once they are mended.
  func load(_ loading: Loading, paid: Double?, written: Locked<Int>) async throws -> Loaded {
    let begun = try await ledger.begin(job, on: database.store.identity, columns: columns.map(\.column), at: Date())
    for change in begun.changes { warn(change) }
    var indexes = RunSummary.Indexes()
    do {
      try await upkeep.check()
      for (index, column) in columns.enumerated() where column.recorded != column.column.fingerprint {
        try await record(index)
      }
      let away = Locked<[String]>([])
      let loaded = try await stops.interrupting {
        try await loading.run {
          guard upkeep.hasWork else { return }
          let names = try await upkeep.begin()
          away.withLock { $0 = names }
        }
      }
      indexes.away = away.withLock { $0 }
      guard case .done(let tally) = loaded else {
        guard case .stopped(let cause) = loaded else { throw CancellationError() }
        try await end(begun, .stopped(cause), written: written.withLock { $0 })
        try Ending.stopped(cause).check()
        throw CancellationError()
      }
      if case .stopped(let cause) = await settle(&indexes, .complete) {
        try await end(begun, .stopped(cause), written: tally.written)
        try Ending.stopped(cause).check()
      }
      var entered = Tally()
      entered.written = tally.written
      entered.changed = tally.stale.count
      let failure = tally.failure(of: "")
      if tally.written > 0 { entered.billedTokens = tally.tokens }
      if let paid {
        if tally.written > 0, failure == nil {
          entered.cost = paid
        } else {
          warn("--paid \(paid.dollars) is not entered: \(failure == nil ? "no row was written" : "lines are wrong")")
        }
      }
      try await ledger.endLoad(
        begun.id, target: begun.targets[0], entered, cost: entered.cost, exitCode: failure?.exitCode ?? .complete,
        at: Date())
      return Loaded(
        tally: tally, indexes: indexes, remaining: try await database.countRemaining(job),
        countsBlank: database.countsBlank)
    } catch let failure as Failure {
      try await end(begun, .failed(failure), written: written.withLock { $0 })
      throw failure
    }
  }

  private func end(_ begun: Ledger.BegunRun, _ ending: Ending, written: Int) async throws {
    var tally = Tally()
    tally.written = written
    try await ledger.end(begun.id, ending, tally, at: Date())
  }
}
