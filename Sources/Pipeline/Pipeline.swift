import Backfill
import Foundation
import Ledger

/// Fills the rows of a job: carries out what a conductor decides.
///
/// At most the job's `concurrency` requests, its `writers` writes, one read and one settlement are under way at a time,
/// so that memory is bounded by the size of a page and of a batch and not by the number of rows (P8).
package struct Pipeline: Sendable {
  let job: Job
  let policy: RunPolicy
  let store: any MessageStore
  let embedder: any Embedder
  let ledger: Ledger
  let begun: Ledger.BegunRun
  let packer: Packer
  let board: ProgressBoard
  let observer: RunObserver
  let countsBlank: Bool
  let comparisons: [ColumnComparison]
  /// Does the work with the provider's batches; nil where rows are only asked for by requests.
  let desk: BatchDesk?
  /// What the limits and the budget are shared by; nil where they are this process's alone.
  let sharing: Sharing?
  let clock = ContinuousClock()
  /// By source, the rows whose vectors earlier runs have kept.
  let keptEarlier = Locked<[Int: Set<RowKey>]>([:])
  /// Sources that are searched for edited rows.
  let searchedForEdits = Locked<Set<Int>>([])
  /// By source, what finds the texts that are known.
  let knownTexts = Locked<[Int: KnownTexts]>([:])
  /// For sources whose texts are cut, the pieces that earlier runs have paid for.
  let paidPieces = Locked<[Int: [RowKey: PaidPieces]]>([:])
  /// By source, the rows that this run has met in quarantine.
  let metInQuarantine = Locked<[Int: Met]>([:])

  /// - Parameters:
  ///   - begun: the run as the ledger began it.
  ///   - board: where the progress is shown.
  ///   - observer: hears of each failed request and of each row that goes into quarantine.
  ///   - countsBlank: whether each source's blank rows are counted, as `SourceShape` has it.
  ///   - comparisons: of columns with vectors whose origin nobody recorded.
  ///   - desk: goes through the provider's batches before a page is read; nil where there are none.
  ///   - sharing: with other processes; nil where nothing is shared.
  package init(
    job: Job, policy: RunPolicy, store: any MessageStore, embedder: any Embedder, ledger: Ledger,
    begun: Ledger.BegunRun, packer: Packer, board: ProgressBoard, observer: RunObserver, countsBlank: Bool = true,
    comparisons: [ColumnComparison] = [], desk: BatchDesk? = nil, sharing: Sharing? = nil
  ) {
    var job = job
    job.writers = min(job.writers, store.mostWriters)
    self.job = job
    self.policy = policy
    self.store = store
    self.embedder = embedder
    self.ledger = ledger
    self.begun = begun
    self.packer = packer
    self.board = board
    self.observer = observer
    self.countsBlank = countsBlank
    self.comparisons = comparisons
    self.desk = desk
    self.sharing = sharing
  }

  /// Fills until nothing is left to do, or the run is stopped or fails.
  ///
  /// - Parameters:
  ///   - stops: who asks the run to stop; the second request cancels what is under way.
  ///   - hold: why nothing may be begun as yet; nil where it may.
  ///   - steering: what else is asked of the run, as to hold.
  ///   - prepare: what is done once the provider has answered and before the first write, as dropping an index.
  ///   - prove: records that the vectors of a source, by its index, were compared and are the job's.
  package func fill(
    stops: AsyncStream<StopCause>, hold: Pause? = nil, steering: AsyncStream<Conductor.Event>? = nil,
    prepare: (@Sendable () async throws -> Void)? = nil,
    prove: @escaping @Sendable (Int) async throws -> Void = { _ in }
  ) async -> Report {
    let began = clock.now
    let (signals, inbox) = AsyncStream<Signal>.makeStream()
    let (orders, requests) = AsyncStream<RequestOrder>.makeStream()
    let reads = Cancellable()
    let writes = Cancellable()
    var conductor = Conductor(
      job: job, policy: policy, run: begun.id, watermarks: begun.watermarks, spooled: begun.spooled,
      spent: begun.spent, possiblyPaid: begun.possiblyPaid, earlier: begun.earlier, preparesWriting: prepare != nil,
      countsBlank: countsBlank,
      compared: comparisons.flatMap { comparison in comparison.contents.map { (comparison.source, $0) } },
      newlyCondemned: begun.newlyCondemned, gathers: desk != nil, shares: sharing != nil)
    var replies = KeptReplies()
    var unusable: [BatchID: Set<Int>] = [:]
    var ending: Ending?
    var nextWake: ContinuousClock.Instant?
    var hasCounted = false
    var hasToldSize = false

    await withDiscardingTaskGroup { group in
      group.addTask { for await cause in stops { inbox.yield(.event(.stopRequested(cause))) } }
      if let steering { group.addTask { for await event in steering { inbox.yield(.event(event)) } } }
      group.addTask { await carryOut(orders, inbox) }
      inbox.yield(.event(hold.map { .held($0) } ?? .started))
      for await signal in signals {
        let event: Conductor.Event
        switch signal {
        case .event(let plain): event = plain
        case .reply(let batch, let spooled, let receipt):
          replies.add(spooled, of: batch.id, isOnlyHere: batch.purpose == .comparison)
          if batch.purpose == .comparison { unusable[batch.id] = Set(receipt.unusable.keys) }
          event = .received(batch.id, receipt)
        }
        // A wake that was overtaken by an earlier one leaves the next one as it is.
        if let wake = nextWake, wake <= clock.now { nextWake = nil }
        for action in conductor.handle(event, at: clock.now - began) {
          switch action {
          case .request(let batch, _, let reservation):
            requests.yield(.send(batch, reservation: reservation, until: conductor.sliceLapses.map { began + $0 }))
          case .claim(let ask):
            group.addTask { if let event = await claimed(ask) { inbox.yield(.event(event)) } }
          case .cancelRequests:
            requests.yield(.cancelAll)
          case .readLastKey(let source):
            let isOfEdited = conductor.readsEdited(source)
            group.addTask {
              inbox.yield(.event(await reads.run { await lastKey(of: source, searchesEdits: isOfEdited) }))
            }
          case .readPage(let source, let request, let held, let equals):
            group.addTask {
              inbox.yield(.event(await reads.run { await page(of: source, request, held: held, equals: equals) }))
            }
          case .gather:
            group.addTask { if let event = await gathered(reads, inbox) { inbox.yield(.event(event)) } }
          case .cancelReading:
            reads.cancel()
          case .compare(let batch):
            let compared = compared(
              batch, replies.take(batch.id), leavingOut: unusable.removeValue(forKey: batch.id) ?? [])
            inbox.yield(.event(compared))
          case .prove(let source):
            group.addTask { inbox.yield(.event(await writes.run { await proven(source, prove) })) }
          case .prepareWriting:
            group.addTask { inbox.yield(.event(await prepared(prepare))) }
          case .write(let write):
            let received = write.parts.map { part in
              ReceivedPart(part: part, replies: ([part.batch] + part.others).map { ($0, replies.take($0)) })
            }
            group.addTask {
              inbox.yield(.event(await writes.run { await self.write(received, write) }))
            }
          case .cancelWriting:
            writes.cancel()
          case .settle(let settlement):
            for batch in settlement.batches { _ = replies.take(batch) }
            group.addTask { inbox.yield(.event(await settle(settlement, writes, inbox))) }
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
        if !hasToldSize, let size = conductor.failingSize {
          hasToldSize = true
          observer.foundFailing(size)
        }
        // Counting may read all of a table.
        if !hasCounted, conductor.hold == nil {
          hasCounted = true
          group.addTask { if let rows = await remaining() { inbox.yield(.event(.counted(rows))) } }
        }
        board.update(from: conductor)
        if ending != nil { break }
      }
      requests.finish()
      group.cancelAll()
    }
    let isComplete = [.complete, .quarantined].contains(ending?.exitCode)
    if let returned = conductor.returned {
      await release(returned.used, spent: returned.spent, isComplete: isComplete)
    }
    if isComplete {
      await endEditSearches(conductor.searchedEdits)
      await releaseUnmet(conductor.searched)
    }
    return Report(ending: ending ?? .failed(cancelled), tally: conductor.tally, duration: clock.now - began)
  }

  private var cancelled: Failure {
    Failure(.unavailable, "job \(job.name)", "the run was cancelled", remedy: "run the same command again to go on")
  }
}

extension Pipeline {
  enum Signal: Sendable {
    case event(Conductor.Event)
    case reply(Batch, SpooledBatch, Conductor.Receipt)
  }

  /// A part of a write with the replies that are still in memory.
  struct ReceivedPart: Sendable {
    let part: Conductor.Write.Part
    let replies: [(batch: BatchID, reply: SpooledBatch?)]
  }

  enum RequestOrder: Sendable {
    case send(Batch, reservation: Double?, until: ContinuousClock.Instant?)
    case cancelAll
  }

  /// How the rows' part of a run ended.
  package struct Report: Sendable {
    package let ending: Ending
    package let tally: Tally
    /// From the start to the last row.
    package let duration: Duration
  }
}
