import Backfill
import Foundation
import Ledger

/// Carries out what a conductor decides: the only part that awaits.
///
/// At most the job's `concurrency` requests, one page, one write and one settlement are under way at a time, so that
/// memory is bounded by the size of a page and of a batch and not by the number of rows (P8).
package struct Pipeline: Sendable {
  let job: Job
  let policy: RunPolicy
  let store: any MessageStore
  let embedder: any Embedder
  let ledger: Ledger
  let begun: Ledger.BegunRun
  let packer: Packer
  let board: ProgressBoard
  let onFailure: @Sendable (EmbeddingFailure) -> Void
  let clock = ContinuousClock()

  /// - Parameters:
  ///   - begun: the run as the ledger began it.
  ///   - board: where the progress is told.
  ///   - onFailure: is told of each request that brought no vectors.
  package init(
    job: Job, policy: RunPolicy, store: any MessageStore, embedder: any Embedder, ledger: Ledger,
    begun: Ledger.BegunRun, packer: Packer, board: ProgressBoard,
    onFailure: @escaping @Sendable (EmbeddingFailure) -> Void
  ) {
    self.job = job
    self.policy = policy
    self.store = store
    self.embedder = embedder
    self.ledger = ledger
    self.begun = begun
    self.packer = packer
    self.board = board
    self.onFailure = onFailure
  }

  /// Runs the job to its end and records the end in the ledger.
  ///
  /// - Parameters:
  ///   - remaining: the rows that lack a vector as the run begins.
  ///   - stops: who asks the run to stop; the second one cancels the requests in flight.
  ///   - completing: what is done after the last row and before the end is recorded; returns how the run ends with it.
  package func run(
    remaining: Int?, stops: AsyncStream<StopCause>, completing: (Ending) async -> Ending = { $0 }
  ) async -> Report {
    let began = clock.now
    let (signals, inbox) = AsyncStream<Signal>.makeStream()
    let (orders, requests) = AsyncStream<RequestOrder>.makeStream()
    var conductor = Conductor(
      job: job, policy: policy, run: begun.id, watermarks: begun.watermarks, spooled: begun.spooled,
      spent: begun.spent, remaining: remaining, possiblyPaid: begun.possiblyPaid)
    var replies: [BatchID: [EmbeddedRow]] = [:]
    var ending: Ending?
    var nextWake: ContinuousClock.Instant?

    await withDiscardingTaskGroup { group in
      group.addTask { for await cause in stops { inbox.yield(.event(.stopRequested(cause))) } }
      group.addTask { await carryOut(orders, inbox) }
      inbox.yield(.event(.started))
      for await signal in signals {
        let event: Conductor.Event
        switch signal {
        case .event(let plain): event = plain
        case .reply(let batch, let rows, let receipt):
          replies[batch.id] = rows
          event = .received(batch.id, receipt)
        }
        // A wake that was overtaken by an earlier one leaves the next one as it is.
        if let wake = nextWake, wake <= clock.now { nextWake = nil }
        for action in conductor.handle(event, at: clock.now - began) {
          switch action {
          case .request(let batch, _, let reservation):
            requests.yield(.send(batch, reservation: reservation))
          case .cancelRequests:
            requests.yield(.cancelAll)
          case .readPage(let source, let key):
            group.addTask { inbox.yield(.event(await page(of: source, after: key))) }
          case .write(let source, let ids):
            let received = ids.map { ($0, replies.removeValue(forKey: $0)) }
            group.addTask { inbox.yield(.event(await write(received, to: source))) }
          case .settle(let ids, let tally, let watermark):
            group.addTask {
              let moved = watermark.map { (target: begun.targets[$0.source], key: $0.key) }
              inbox.yield(
                .event(await record { try await ledger.settle(ids, run: begun.id, tally: tally, watermark: moved) }))
            }
          case .condemn(let batch, let failure, let tally):
            group.addTask {
              let target = begun.targets[batch.source]
              inbox.yield(
                .event(
                  await record { try await ledger.condemn(batch, target: target, failure, tally: tally, at: Date()) }))
            }
          case .wake(let time):
            let instant = began + time
            guard instant < nextWake ?? .now + .seconds(1 << 30) else { continue }
            nextWake = instant
            group.addTask {
              try? await clock.sleep(until: instant)
              inbox.yield(.event(.woken))
            }
          case .end(let reason):
            ending = reason
          }
        }
        board.update(from: conductor)
        if ending != nil { break }
      }
      requests.finish()
      group.cancelAll()
    }
    let duration = clock.now - began
    let told = await close(with: await completing(ending ?? .failed(cancelled)), conductor.tally)
    return Report(run: begun.id, ending: told, tally: conductor.tally, duration: duration)
  }

  private var cancelled: Failure {
    Failure(.unavailable, "job \(job.name)", "the run was cancelled", remedy: "run the same command again to go on")
  }

  /// Records the end; where that fails, that is how the run has ended.
  private func close(with ending: Ending, _ tally: Tally) async -> Ending {
    do {
      try await ledger.end(begun.id, ending, tally, at: Date())
      return ending
    } catch {
      if case .failed = ending { return ending }
      return .failed(failure(error, ledger.path))
    }
  }
}

extension Pipeline {
  enum Signal: Sendable {
    case event(Conductor.Event)
    case reply(Batch, [EmbeddedRow], Conductor.Receipt)
  }

  enum RequestOrder: Sendable {
    case send(Batch, reservation: Double?)
    case cancelAll
  }

  /// How a run ended.
  package struct Report: Sendable {
    package let run: Int64
    package let ending: Ending
    package let tally: Tally
    /// From the start to the last row; what completes the run after it is not in it.
    package let duration: Duration
  }
}
