/// Decides what a run does next. It takes events and returns actions; time and chance come from outside, and it does no I/O.
///
/// Times are durations since the run began. A batch goes `planned -> requested -> received -> written -> settled`, with
/// `requested` again after a retry and new batches after a split; what is durable in the ledger, and when, is the
/// pipeline's promise: an event comes only after the ledger holds it.
///
/// The parts decide by themselves: `SourceProgress` about sweeps, `Isolation` about requests that fail, `WriteQueue`
/// about rows that can't be written, `RateLimiter`, `ConcurrencyWindow` and `CircuitBreaker` about the pace, `Spending`
/// about money.
package struct Conductor: Sendable {
  package enum Event: Sendable {
    case started
    /// How many rows lack a vector as the run begins.
    case counted(Int)
    /// nil where the table is empty.
    case lastKeyRead(RowKey?)
    case pageRead(PackedPage)
    case readFailed(Failure)
    /// The reply is durable in the ledger.
    case received(BatchID, Receipt)
    /// The failure is durable in the ledger.
    case requestFailed(BatchID, EmbeddingFailure)
    /// A request was not sent, since its reply could not be kept.
    case notSent(BatchID, Failure)
    /// A request was not sent, since its slice of what is shared had lapsed.
    case lapsed(BatchID)
    /// What `claim` asked for.
    case granted(ShareGrant)
    case claimFailed(Failure)
    case written(WriteReport, writer: Int)
    case writeFailed(Failure, writer: Int)
    /// What `prepareWriting` asked for is done.
    case prepared
    case preparationFailed(Failure)
    /// So many texts of a comparison have vectors that are like those that rows have.
    case compared(BatchID, source: Int, alike: Int)
    /// What a source's vectors are made of is recorded.
    case proven(source: Int)
    /// A column's vectors are another model's, or what was found can't be recorded.
    case comparisonFailed(BatchID?, Failure)
    /// What `settle` told is durable in the ledger.
    case settled
    /// A reply could not be kept in, or removed from, the database's spool; the ledger has it.
    case notKept(Failure)
    /// The ledger or another part that nothing can go on without has failed.
    case broken(Failure)
    case stopRequested(StopCause)
    /// Nothing new may be begun; nil where it may again.
    case held(Pause?)
    /// A line of the provider's batch was answered, which is durable in the ledger, at that cost.
    case collected(Spooled, Receipt, cost: Double?, LineTokens, fitted: Int)
    /// What `gather` asked for is done.
    case gathered(Gathered)
    /// The job's own limits, concurrency and budget are others now.
    case adjusted(Terms)
    /// The time of a `wake` has come.
    case woken
  }

  package enum Action: Equatable, Sendable {
    case readLastKey(source: Int)
    /// `equals` where equal texts are paid once over the whole column.
    case readPage(source: Int, PageRequest, held: Set<RowKey>, equals: EqualTexts?)
    case request(Batch, attempt: Int, reservation: Double?)
    /// A slice of what is shared with other processes.
    case claim(ShareAsk)
    case compare(Batch)
    /// The vectors that a source has are the job's: this is to be recorded.
    case prove(source: Int)
    /// The provider's batches are to be looked at, fetched and submitted.
    case gather
    /// The provider has answered, and what comes before the first write may be done, as dropping an index.
    case prepareWriting
    case write(Write)
    case settle(Settlement)
    case wake(at: Duration)
    case cancelReading
    case cancelRequests
    case cancelWriting
    case end(Ending)
  }

  /// One write to one source, in a transaction of its own.
  package struct Write: Equatable, Sendable {
    package struct Part: Equatable, Sendable {
      package let batch: BatchID
      /// The batches that hold further pieces of its rows.
      package var others: [BatchID] = []
      /// The rows of the batch that are written; nil for all.
      package let rows: Set<RowKey>?
    }

    /// Who does it, counted from 0. No writer has more than one write under way, and no two have a row in common.
    package let writer: Int
    package let source: Int
    package let parts: [Part]
  }

  /// A batch of an earlier run whose vectors are in the spool.
  package struct Spooled: Equatable, Sendable {
    package let id: BatchID
    package let source: Int
    package let rows: Int

    package init(id: BatchID, source: Int, rows: Int) {
      self.id = id
      self.source = source
      self.rows = rows
    }
  }

  /// A batch that has ended and is to be settled.
  struct Ended {
    let id: BatchID
    let source: Int
    /// nil for a batch that belongs to no page.
    let page: Int?
  }

  var job: Job
  let policy: RunPolicy
  let run: Int64
  var random: any RandomNumberGenerator & Sendable

  package internal(set) var tally: Tally
  package internal(set) var spending: Spending
  /// Why nothing is sent just now; nil while work goes on.
  package internal(set) var waiting: Waiting?
  /// Since when the provider keeps the run from sending anything; `tally.throttled` has the waits that are over.
  package internal(set) var throttledSince: Duration?

  var sources: [SourceProgress]
  /// The source that is being read.
  var reading: Int?
  /// The source that is read next, if it has anything to read.
  var turn = 0
  var pageCount = 0
  var batchCount = 0
  var planned: [Requested] = []
  var retries: [Requested] = []
  var requested: [BatchID: Requested] = [:]
  var isProbing = false
  var isolation = Isolation()
  /// Whether requests may hold harmless texts beside their inputs: the server takes more than one a request.
  var mayAddHarmless: Bool
  var writes: WriteQueue
  var preparation: Preparation
  /// Whether the provider's batches have been gone through.
  var gathering: Gathering
  /// Whether no page is read, since rows wait for the provider.
  var leavesPages = false
  var comparisons = Comparisons()
  var assembly: Assembly
  /// Sources whose vectors have yet to be recorded as the job's.
  var unrecorded: [Int] = []
  var ended: [Ended] = []
  var condemned: [CondemnedRow] = []
  /// What isn't durable yet; nil where there is none.
  var settling: Settlement?
  /// Whether `settling` is of a source.
  var settlingSources: Set<Int> = []
  var limiter: RateLimiter
  /// What is held of the limits and the budget that others use too; nil where nothing is shared.
  package internal(set) var share: HeldShare?
  /// Claims that are to be made.
  var asks: [ShareAsk] = []
  var window: ConcurrencyWindow
  var breaker = CircuitBreaker()
  /// When the pace was last lowered. Refusals of requests that were sent before belong to the same slowdown.
  var slowedAt: Duration = .zero
  /// When a row was last read, embedded or written.
  var progressedAt: Duration = .zero
  var ending: Ending?
  var canWrite = true
  /// Sources of which a row was written.
  var hasWritten: Set<Int> = []
  /// Replies of another model, or with the vectors of other texts.
  var disorders = Disorders()
  /// How many writes in a row the database has refused, with the other rows that were tried, by source.
  var refusedWrites: [Int: Int] = [:]
  /// Why nothing new is begun; nil where it is.
  package internal(set) var hold: Pause?
  var heldSince: Duration?
  /// Rows that count for the most that may be written: those that were, and those that may yet be.
  var takenRows = 0
  /// Whether more rows are there than may be written.
  var isFull = false
  /// Whether batches of an earlier run are more than may be written.
  var leavesSpool = false
  /// Rows that went into quarantine since the job was last complete.
  var newlyCondemned: Int
  var graceEnds: Duration?
  var hasCancelled = false
  var hasCancelledWriting = false
  var hasEnded = false

  /// What has to be done before the first write of what this run receives.
  enum Preparation {
    case needed, underWay, done
  }

  /// - Parameters:
  ///   - watermarks: for each source the key behind which its first sweep begins.
  ///   - spooled: what an earlier run received and didn't write; it is written before the first page is read, so that
  ///     no page finds those rows again (P2).
  ///   - possiblyPaid: requests that an earlier run has left without a reply.
  ///   - earlier: what earlier runs have used of the limits.
  ///   - preparesWriting: whether `prepareWriting` is asked for once the provider has answered.
  ///   - compared: for sources with vectors of unknown origin: requests for some of their texts.
  ///   - newlyCondemned: rows that earlier runs have put into quarantine since the job was last complete.
  ///   - gathers: whether `gather` is asked for before a page is read.
  ///   - shares: whether others use the same limits and budget.
  package init(
    job: Job, policy: RunPolicy, run: Int64, watermarks: [RowKey?], spooled: [Spooled], spent: Double,
    possiblyPaid: Int = 0, earlier: EarlierUse = EarlierUse(), preparesWriting: Bool = false, countsBlank: Bool = true,
    compared: [(source: Int, contents: Batch.Contents)] = [], newlyCondemned: Int = 0, gathers: Bool = false,
    shares: Bool = false,
    random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
  ) {
    self.job = job
    self.policy = policy
    self.run = run
    self.random = random
    self.newlyCondemned = newlyCondemned
    tally = Tally()
    tally.possiblyPaid = possiblyPaid
    if !countsBlank { tally.leavesOutBlank = true }
    tally.cost = job.model.usdPerMillionTokens.map { _ in 0 }
    spending = Spending(spent: spent, budget: job.budget)
    sources = zip(job.sources, watermarks).map { source, watermark in
      SourceProgress(
        watermark: watermark, order: source.order, isByColumn: source.newestBy != nil,
        hasEdited: source.edits == .digest, mostEdited: policy.mostEdited)
    }
    // A row of pieces that an earlier run has received may lack others: the page that finds it says so.
    assembly = Assembly(spooled: spooled.filter { job.sources[$0.source].chunks != nil })
    let whole = spooled.filter { job.sources[$0.source].chunks == nil }
    let admitted = Conductor.admitted(whole, by: policy.bounds)
    takenRows = admitted.rows
    leavesSpool = admitted.batches.count < whole.count
    isFull = leavesSpool
    writes = WriteQueue(
      spooled: admitted.batches, dimensions: job.model.dimensions,
      writers: job.writers, concurrency: job.concurrency)
    mayAddHarmless = (job.model.maxInputs ?? .max) > 1
    preparation = preparesWriting ? .needed : .done
    gathering = gathers ? .needed : .done
    limiter = RateLimiter(job.limits, after: earlier)
    window = ConcurrencyWindow(ceiling: job.concurrency, isProbing: !limiter.isKnown)
    share = shares ? HeldShare() : nil
    for (source, contents) in compared {
      comparisons.begin(source)
      planned.append(plan(contents, source: source, page: Batch.noPage, purpose: .comparison))
    }
  }

  /// Rows that need nothing more, for the progress of a run that goes on.
  package var done: Int { tally.written + tally.changed + tally.excluded + tally.quarantined }

  package var inFlight: Int { requested.count }

  /// How many requests may be in flight just now.
  package var concurrency: Int { window.limit }

  /// The limits a minute that hold just now.
  package var limits: Job.Limits { limiter.limits }

  package var isStopping: Bool { ending != nil }

  /// The first size of requests of which was learned that it always fails.
  package var failingSize: FailingSize? { isolation.failingSize }

  package mutating func handle(_ event: Event, at now: Duration) -> [Action] {
    guard !hasEnded else { return [] }
    var actions: [Action] = []
    switch event {
    case .started, .woken: break
    case .counted(let rows): tally.total = rows
    case .lastKeyRead(let key):
      if let source = reading { sources[source].lastKeyRead(key) }
      reading = nil
    case .pageRead(let page): read(page, at: now)
    case .readFailed(let failure):
      reading = nil
      end(.failed(failure))
    case .received(let id, let receipt): received(id, receipt, at: now)
    case .requestFailed(let id, let failure): failed(id, failure, at: now)
    case .notSent(let id, let failure): notSent(id, failure)
    case .lapsed(let id): lapsed(id)
    case .granted(let grant): share?.granted(grant, at: now)
    case .claimFailed(let failure): end(.failed(failure))
    case .written(let report, let writer): written(report, by: writer, at: now)
    case .writeFailed(let failure, let writer):
      writes.failed(by: writer)
      canWrite = false
      end(.failed(failure))
    case .prepared: preparation = .done
    case .preparationFailed(let failure):
      preparation = .needed
      canWrite = false
      end(.failed(failure))
    case .compared(let id, let source, let alike): compared(id, source, alike: alike)
    case .proven(let source): comparisons.proven(source)
    case .comparisonFailed(let id, let failure):
      comparisons.failed()
      if let id { ended.append(Ended(id: id, source: 0, page: nil)) }
      end(.failed(failure))
    case .settled:
      settling = nil
      for source in sources.indices { sources[source].settled() }
    case .notKept(let failure): end(.failed(failure))
    case .broken(let failure):
      hasEnded = true
      return [.cancelReading, .cancelRequests, .end(.failed(failure))]
    case .stopRequested(let cause): actions += stop(cause, at: now)
    case .held(let hold): self.hold(hold, at: now)
    case .adjusted(let terms): adjust(terms, at: now)
    case .collected(let line, let receipt, let cost, let tokens, let fitted):
      collected(line, receipt, cost: cost, tokens, fitted: fitted)
      progressedAt = now
    case .gathered(let gathered): self.gathered(gathered)
    }
    countRows()
    actions += advance(at: now)
    keepTime(at: now)
    return actions
  }

  private mutating func countRows() {
    tally.excluded = sources.reduce(0) { $0 + $1.excluded }
    tally.quarantined = sources.reduce(0) { $0 + $1.condemned }
    tally.unreadable = sources.reduce(0) { $0 + $1.unreadable }
  }

  /// Sums the time that the provider makes the run wait, which says nothing about the speed of the rest.
  private mutating func keepTime(at now: Duration) {
    let isThrottled = requested.isEmpty && ending == nil && waiting?.isThrottling == true
    if let since = throttledSince, !isThrottled {
      tally.throttled += now - since
      throttledSince = nil
    } else if isThrottled, throttledSince == nil {
      throttledSince = now
    }
  }

  /// The first reason to end is the one that is reported.
  mutating func end(_ reason: Ending) {
    if ending == nil { ending = reason }
  }
}
