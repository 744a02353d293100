import Backfill
import Foundation
import Ledger
import TestSupport

@testable import Pipeline

/// A job in batch mode on a table and a provider in memory, with a real ledger. Time is the test's.
final class BatchWorld {
  let folder: TemporaryFolder
  let table: FakeTable
  let provider: FakeProvider
  var job: Job
  var terms = BatchTerms(usdPerMillionTokens: FakeProvider.price * 500_000)
  let now = Locked(Date(timeIntervalSince1970: 1_800_000_000))
  let news = Locked<[BatchNews]>([])

  init(_ texts: [String], _ provider: FakeProvider = FakeProvider()) throws {
    folder = try TemporaryFolder()
    table = FakeTable(texts)
    self.provider = provider
    job = Job(
      name: "messages", sources: [Source(table: "message")],
      model: Model(name: "fake", dimensions: 4, usdPerMillionTokens: FakeProvider.price * 1_000_000), batchSize: 10)
  }

  var ledgerPath: String { folder.file("ledger.db") }

  struct Run {
    let ending: Ending
    let tally: Tally
  }

  func later(_ seconds: Double) { now.withLock { $0 += seconds } }

  /// One run, from its beginning in the ledger to its end.
  func run(batches: Bool = true) async throws -> Run {
    let ledger = try Ledger.open(at: ledgerPath)
    let date = { [now] in now.withLock { $0 } }
    let columns = job.sources.map {
      LedgerColumn(
        source: $0, identity: ColumnIdentity(database: "memory", column: $0.column),
        fingerprint: job.fingerprint(of: $0), isProven: true)
    }
    let begun = try await ledger.begin(job, on: "memory", columns: columns, at: date())
    let packer = Packer(preparation: job.preparation, maxInputs: job.batchSize, countsExactly: true) {
      FakeProvider.tokens($0)
    }
    let policy = RunPolicy(retry: RetryPolicy(base: .milliseconds(1), ceiling: .milliseconds(2)), maxQuarantined: 1_000)
    let desk = BatchDesk(
      job: job, terms: terms, retry: policy.retry, store: table, ledger: ledger, begun: begun, provider: provider,
      packer: packer,
      time: BatchTime(now: { @Sendable [now] in now.withLock { $0 } }) { @Sendable [now] wait in
        try Task.checkCancellation()
        now.withLock { $0 += wait / .seconds(1) }
      }, tell: { @Sendable [news] told in news.withLock { $0.append(told) } })
    let pipeline = Pipeline(
      job: job, policy: policy, store: table, embedder: provider, ledger: ledger, begun: begun, packer: packer,
      board: ProgressBoard(), observer: RunObserver(requestFailed: { _ in }, condemned: { _ in }, counted: { _, _ in }),
      desk: batches ? desk : nil)
    let report = await pipeline.fill(stops: AsyncStream { $0.finish() })
    try await ledger.end(begun.id, report.ending, report.tally, at: date())
    return Run(ending: report.ending, tally: report.tally)
  }

  /// Runs every ten minutes until nothing is left, or so many runs.
  func runs(atMost most: Int = 40) async throws -> [Run] {
    var runs: [Run] = []
    repeat {
      runs.append(try await run())
      later(600)
    } while runs.last?.ending != .complete && runs.count < most
    return runs
  }

  /// Texts of rows that have not their own vector, though they can have one; and those that must not have one and have.
  var wrong: [String] {
    table.rows.values.filter { row in
      FakeProvider.isPoison(row.text) ? row.vector != nil : row.vector != FakeProvider.vector(row.text)
    }.map(\.text)
  }

  /// Texts that were billed more than once.
  var paidTwice: [String] { provider.book.billed.filter { $0.value > 1 && $0.key != "vecfill" }.map(\.key) }

  /// Files with texts that are still beside the ledger.
  var filesLeft: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: ledgerPath + "-batches")) ?? []
  }

  var open: [SubmittedBatch] {
    get async throws {
      guard let ledger = try Ledger.openForReading(at: ledgerPath), let job = try await ledger.jobs().first else {
        return []
      }
      return try await ledger.batches(of: job)
    }
  }
}
