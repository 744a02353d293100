import Backfill
import Foundation
import Ledger
import Testing

/// What the ledger tells of a job's runs over time.
extension LedgerTests {
  @Test func `a job's history has each reply in its slice and its day, and gaps between`() async throws {
    let ledger = try Ledger.open(at: path)
    let start = Date(timeIntervalSince1970: 1_790_000_000)
    let first = try await ledger.begin(Self.job, on: "db", at: start)
    try await receive([0, 0.5, 7, 90_000], from: start, in: first, of: ledger)
    try await ledger.end(first.id, .complete, Tally(), at: start + 90_001)
    let second = try await ledger.begin(Self.job, on: "db", at: start + 200_000)
    try await receive([200_000, 200_007], from: start, in: second, of: ledger)
    try await ledger.end(second.id, .stopped(.interrupt), Tally(), at: start + 200_010)

    let status = try #require(await ledger.jobs().first)
    let history = try await ledger.history(of: status)
    #expect(history.runs.map(\.id) == [second.id, first.id])
    #expect(history.runs.map(\.requests) == [2, 4])
    #expect(history.runs.map(\.state) == [.stopped, .completed])
    #expect(history.charted == second.id)
    #expect(history.sliceSeconds == 1)
    #expect(history.slices.map(\.requests) == [1, 0, 0, 0, 0, 0, 0, 1])
    #expect(history.days.map(\.requests) == [3, 1, 2])
    #expect(history.days.map(\.cost).reduce(0, +) == 1.5)
    #expect(history.quarantine == [:])
    #expect(try await ledger.lastSuccess(of: Self.job.name) == start + 90_001)
    #expect(try await ledger.lastSuccess(of: "another") == nil)
  }

  @Test(arguments: [1.0, 500, 86_400, 40_000_000])
  func `however long a run was, its slices are some hundreds, and hold all that came`(_ seconds: Double) async throws {
    let ledger = try Ledger.open(at: path)
    let start = Date(timeIntervalSince1970: 1_790_000_000)
    let run = try await ledger.begin(Self.job, on: "db", at: start)
    try await receive([0, seconds / 3, seconds], from: start, in: run, of: ledger)
    let history = try await ledger.history(of: try #require(await ledger.jobs().first))
    #expect((1...470).contains(history.slices.count))
    #expect(history.slices.map(\.requests).reduce(0, +) == 3)
    #expect(history.slices.map(\.cost).reduce(0, +) == 0.75)
  }

  @Test func `a run without a reply has no chart, and its quarantine is counted by cause`() async throws {
    let ledger = try Ledger.open(at: path)
    let run = try await ledger.begin(Self.job, on: "db", at: Date())
    let causes: [Condemnation.Cause] = [.database, .provider(.badInput), .provider(.badInput)]
    let rows = causes.enumerated().map { index, cause in
      CondemnedRow(source: 0, key: .integer(Int64(index)), digest: TextDigest(of: "t"), Condemnation(cause, "seen"))
    }
    try await ledger.settle(Settlement(condemned: rows), run: run.id, targets: run.targets, at: Date())
    let history = try await ledger.history(of: try #require(await ledger.jobs().first))
    #expect(history.charted == nil && history.slices == [] && history.days == [])
    #expect(history.quarantine == ["refusedByDatabase": 1, "badInput": 2])
    #expect(history.quarantined.count == 3)
    #expect(try await ledger.lastSuccess(of: Self.job.name) == nil)
  }

  private func receive(
    _ times: [TimeInterval], from start: Date, in run: Ledger.BegunRun, of ledger: Ledger
  ) async throws {
    for (number, time) in times.enumerated() {
      let batch = batch(number + 1, of: run.id)
      try await ledger.requested(batch, target: run.targets[0], reservation: 1)
      try await ledger.received(reply(), to: batch, target: run.targets[0], cost: 0.25, at: start + time)
    }
  }
}
