/// Decides what a run does next: its events return actions, and neither time nor chance nor any I/O is its own.
///
/// Times are durations since the run began. A batch goes `planned -> requested -> received -> settled`, with
/// `requested` again after a retry and two new batches after a split; what is durable in the ledger, and when, is the
/// pipeline's promise: an event is told only after the ledger holds it.
package struct Conductor: Sendable {
  package enum Event: Sendable {
    case started
    case pageRead(PackedPage)
    case pageFailed(Failure)
    /// The reply is durable in the ledger.
    case received(BatchID, Receipt)
    /// The failure is durable in the ledger.
    case requestFailed(BatchID, EmbeddingFailure)
    /// The batches' vectors were written to those of their rows that still matched.
    case written([BatchID], rows: Int, matched: Int)
    case writeFailed(Failure)
    /// What `settle` or `condemn` told is durable in the ledger.
    case settled
    /// The ledger or another part that nothing can go on without has failed.
    case broken(Failure)
    case stopRequested(StopCause)
    /// The time of a `wake` has come.
    case woken
  }

  package enum Action: Equatable, Sendable {
    case readPage(source: Int, after: RowKey?)
    case request(Batch, attempt: Int, reservation: Double?)
    case write(source: Int, [BatchID])
    case settle([BatchID], Tally, watermark: MovedWatermark?)
    case condemn(Batch, EmbeddingFailure, Tally)
    case wake(at: Duration)
    case cancelRequests
    case end(Ending)
  }

  package struct MovedWatermark: Equatable, Sendable {
    package let source: Int
    package let key: RowKey
  }

  /// What a reply cost, and how long it took.
  package struct Receipt: Equatable, Sendable {
    package let billedTokens: Int
    package let rateLimits: RateLimitHints
    /// How long the provider took, without any wait of our own.
    package let latency: Duration

    package init(billedTokens: Int, rateLimits: RateLimitHints = RateLimitHints(), latency: Duration) {
      self.billedTokens = billedTokens
      self.rateLimits = rateLimits
      self.latency = latency
    }
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

  /// A batch that is to be sent, is on its way, or waits to be sent again.
  struct Requested {
    let batch: Batch
    /// The most dollars that it can cost.
    var reservation: Double = 0
    var attempt = 1
    var brokenReplies = 0
    var serverErrors = 0
    /// How many requests were answered before its first server error.
    var answersBefore = 0
    /// The tokens that the limiter holds for it.
    var reservedTokens = 0
    var sentAt: Duration = .zero
    /// When it may be sent again.
    var due: Duration = .zero
    /// When the batch that it was part of was first refused.
    var refusedAt: Duration?
  }

  /// An input that was refused alone, and is condemned once a request is answered that was sent after the first refusal
  /// of its batch: until then the endpoint may be at fault.
  struct Suspect {
    let batch: Batch
    let failure: EmbeddingFailure
    let refusedAt: Duration
  }

  struct Unwritten {
    let id: BatchID
    let source: Int
    /// nil for a batch of an earlier run, which belongs to no page of this one.
    let page: Int?
  }

  let job: Job
  let policy: RunPolicy
  let run: Int64
  let watermarks: [RowKey?]
  var random: any RandomNumberGenerator & Sendable

  package internal(set) var tally: Tally
  package internal(set) var spending: Spending
  /// Why nothing is sent just now; nil while work goes on.
  package internal(set) var waiting: Waiting?
  /// Since when the provider keeps the run from sending anything; `tally.throttled` has the waits that are over.
  package internal(set) var throttledSince: Duration?

  var sweep: Sweep
  var watermark = Watermark()
  var isReading = false
  var pageCount = 0
  var batchCount = 0
  var planned: [Requested] = []
  var retries: [Requested] = []
  var requested: [BatchID: Requested] = [:]
  var unwritten: [Unwritten] = []
  var writing: [Unwritten] = []
  var unsettled: [Unwritten] = []
  /// `settle` and `condemn` actions that aren't durable yet.
  var settling = 0
  var suspects: [Suspect] = []
  var writtenInSweep = 0
  var barrenSweeps = 0
  /// The most rows that one sweep of the source has passed over.
  var passedOver = (excluded: 0, condemned: 0)
  /// Rows in quarantine in the sources that are complete.
  var quarantined = 0
  var limiter: RateLimiter
  var window: ConcurrencyWindow
  var breaker = CircuitBreaker()
  var refusedSizes = RefusedSizes()
  /// When the pace was last lowered: refusals of what was sent before are part of the same.
  var slowedAt: Duration = .zero
  var answers = 0
  /// When the latest of the requests was sent that were answered.
  var answeredSince: Duration = .seconds(-1)
  var ending: Ending?
  var canWrite = true
  var graceEnds: Duration?
  var hasCancelled = false
  var hasEnded = false

  /// - Parameters:
  ///   - watermarks: for each source the key behind which its first sweep begins.
  ///   - spooled: what an earlier run received and didn't write; it is written before the first page is read, so that
  ///     no page finds those rows again (P2).
  ///   - remaining: the rows that lack a vector as the run begins.
  ///   - possiblyPaid: requests that an earlier run has left without a reply.
  package init(
    job: Job, policy: RunPolicy, run: Int64, watermarks: [RowKey?], spooled: [Spooled], spent: Double,
    remaining: Int? = nil, possiblyPaid: Int = 0,
    random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
  ) {
    self.job = job
    self.policy = policy
    self.run = run
    self.watermarks = watermarks
    self.random = random
    tally = Tally()
    tally.total = remaining
    tally.possiblyPaid = possiblyPaid
    tally.cost = job.model.usdPerMillionTokens.map { _ in 0 }
    spending = Spending(spent: spent, budget: job.budget)
    sweep = Sweep(source: 0, start: watermarks[0])
    limiter = RateLimiter(job.limits)
    window = ConcurrencyWindow(ceiling: job.concurrency, isProbing: !limiter.isKnown)
    unwritten = spooled.map { Unwritten(id: $0.id, source: $0.source, page: nil) }
  }

  /// Rows that need nothing more, for the progress of a run that goes on.
  package var done: Int { tally.written + tally.changed + tally.excluded + passedOver.excluded + passedOver.condemned }

  package var inFlight: Int { requested.count }

  package var isStopping: Bool { ending != nil }

  package mutating func handle(_ event: Event, at now: Duration) -> [Action] {
    guard !hasEnded else { return [] }
    var actions: [Action] = []
    switch event {
    case .started, .woken: break
    case .pageRead(let page): actions += read(page)
    case .pageFailed(let failure):
      isReading = false
      end(.failed(failure))
    case .received(let id, let receipt): actions += received(id, receipt, at: now)
    case .requestFailed(let id, let failure): actions += failed(id, failure, at: now)
    case .written(let ids, let rows, let matched): written(ids, rows: rows, matched: matched)
    case .writeFailed(let failure):
      writing = []
      canWrite = false
      end(.failed(failure))
    case .settled: settling -= 1
    case .broken(let failure):
      hasEnded = true
      return [.cancelRequests, .end(.failed(failure))]
    case .stopRequested(let cause): actions += stop(cause, at: now)
    }
    actions += advance(at: now)
    keepTime(at: now)
    return actions
  }

  /// Counts what time the provider's waits take, which tells nothing of how fast the rest will go.
  private mutating func keepTime(at now: Duration) {
    let isThrottled = requested.isEmpty && ending == nil && waiting?.isThrottling == true
    if let since = throttledSince, !isThrottled {
      tally.throttled += now - since
      throttledSince = nil
    } else if isThrottled, throttledSince == nil {
      throttledSince = now
    }
  }

  /// The first reason to end is the one that is told.
  mutating func end(_ reason: Ending) {
    if ending == nil { ending = reason }
  }
}
