import Backfill
import Foundation
import Ledger

/// Does what a run has to do with the provider's batches: looks at those of earlier runs, fetches the ones that have ended,
/// and submits the rows that are left.
///
/// Each step is durable in the ledger before the next one is taken, so that a run that dies anywhere is gone on with: an
/// upload is free and done again; a batch is asked for once, and where the answer is lost it is looked for in the provider's
/// list before its rows may be asked for again (P2).
package struct BatchDesk: Sendable {
  let job: Job
  let terms: BatchTerms
  let retry: RetryPolicy
  let store: any MessageStore
  let ledger: Ledger
  let begun: Ledger.BegunRun
  let provider: any BatchProvider
  let packer: Packer
  let time: BatchTime
  let tell: @Sendable (BatchNews) -> Void
  let room = SpoolRoom()
  /// The number of the last line that this run has made.
  let lastLine = Locked(BatchID.firstLine - 1)

  /// The wait between two looks at what is under way doubles from the first to the last of these.
  private static let waits: ClosedRange<Duration> = .seconds(2)...(.seconds(60))

  /// - Parameters:
  ///   - packer: packs a line as it packs a request.
  ///   - tell: hears of each batch that was submitted, has ended or is missed.
  package init(
    job: Job, terms: BatchTerms, retry: RetryPolicy, store: any MessageStore, ledger: Ledger,
    begun: Ledger.BegunRun, provider: any BatchProvider, packer: Packer, time: BatchTime = BatchTime(),
    tell: @escaping @Sendable (BatchNews) -> Void = { _ in }
  ) {
    self.job = job
    self.terms = terms
    self.retry = retry
    self.store = store
    self.ledger = ledger
    self.begun = begun
    self.provider = provider
    self.packer = packer
    self.time = time
    self.tell = tell
  }

  /// Where files are made, and how the names of this job's begin.
  var folder: String { "\(ledger.path)-batches" }
  var filePrefix: String { "\(begun.targets.first ?? 0)-" }

  /// Does all that can be done now, and with `waits` goes on until nothing is under way. `collect` gets each line that was
  /// answered. A cancelled task leaves the batches with the provider.
  func work(_ collect: @escaping @Sendable (Conductor.Event) -> Void) async -> Conductor.Gathered {
    var failure: Failure?
    do {
      try await goThrough(collect)
    } catch {
      failure = self.failure(error)
    }
    do {
      return Conductor.Gathered(
        waiting: try await ledger.rowsUnderWay(of: begun.targets), spent: try await ledger.spent(byJobOf: begun.id),
        readsRows: terms.submits, failure: failure)
    } catch {
      return Conductor.Gathered(waiting: 0, spent: begun.spent, readsRows: false, failure: self.failure(error))
    }
  }

  private func goThrough(_ collect: @escaping @Sendable (Conductor.Event) -> Void) async throws {
    BatchFile.deleteAll(in: folder, beginningWith: filePrefix)
    var wait = Self.waits.lowerBound
    while true {
      var problem: Failure?
      for batch in try await ledger.openBatches(of: begun.targets) {
        try Task.checkCancellation()
        if let found = try await look(at: batch, collect), problem == nil { problem = found }
      }
      if let problem { throw problem }
      if terms.submits { try await submit() }
      guard terms.waits, try await !ledger.openBatches(of: begun.targets).isEmpty else { return }
      try await time.sleep(wait)
      wait = min(wait * 2, Self.waits.upperBound)
    }
  }

  private func failure(_ error: any Error) -> Failure {
    switch error {
    case let failure as Failure: return failure
    case let failure as EmbeddingFailure where failure.kind != .cancelled:
      return failure.failure(of: job.model.provider)
    case is EmbeddingFailure, is CancellationError:
      return Failure(
        .unavailable, "job \(job.name)", "the work with its batches was ended early",
        remedy: "run the same command again to go on")
    default:
      return Failure(
        .unavailable, "job \(job.name)", "the work with its batches failed with \(type(of: error))",
        remedy: "run the same command again to go on")
    }
  }

  private static let mostTries = 5
  /// What stands before a provider may answer once in its place, or for a moment in another way.
  private static let mostOddTries = 3

  /// Does `call` again after a failure that is likely to pass. One that may have begun something is not to be given here.
  func trying<Value>(_ call: () async throws -> Value) async throws -> Value {
    var tries = 1
    while true {
      do {
        return try await call()
      } catch let failure as EmbeddingFailure {
        guard let wait = wait(after: failure, tries: tries) else { throw failure }
        try await time.sleep(wait)
        tries += 1
      }
    }
  }

  /// How long until a call that has failed so is made again; nil where it isn't.
  func wait(after failure: EmbeddingFailure, tries: Int) -> Duration? {
    let reaction = failure.kind.failureClass.reaction
    guard [.retry, .hold, .probe].contains(reaction),
      tries < (reaction == .probe ? Self.mostOddTries : Self.mostTries), failure.asksToWait ?? .zero <= retry.maxOutage
    else { return nil }
    var random = SystemRandomNumberGenerator()
    return retry.delay(attempt: tries + 1, retryAfter: failure.asksToWait, using: &random)
  }

  func tell(
    _ kind: BatchNews.Kind, _ batch: SubmittedBatch, id: String? = nil, _ message: String, isIncomplete: Bool = false
  ) {
    let name = SubmittedBatchName(id: id ?? batch.batchID, file: batch.intent.fileName, rows: batch.rows)
    tell(BatchNews(kind, name, message, isIncomplete: isIncomplete))
  }
}
