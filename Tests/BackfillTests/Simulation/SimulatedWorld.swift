import Backfill
import TestSupport

/// A database, a provider, a ledger and a clock that are all in memory, driven by a conductor's actions from a seed.
struct SimulatedWorld {
  struct Faults {
    /// Shares of all requests.
    var transient = 0.0
    var processedThoughFailed = 0.0
    var rateLimited = 0.0
    /// Requests that open a connection of their own: every third leads to a server that garbles each reply.
    var newConnection = 0.0
    /// Chances a step.
    var crash = 0.0
    var stop = 0.0
    var disturbance = 0.0
    var mostDisturbances = 0
    /// The application appends a row.
    var insert = 0.0
    /// Another transaction takes a row's lock for up to a minute.
    var lock = 0.0
    /// The provider is away for up to two minutes.
    var outage = 0.0
    /// The database is away during a write, which ends the run. Before or after it was done, nobody knows.
    var writeFailure = 0.0
    /// Somebody holds the run for up to a minute.
    var hold = 0.0
    /// Somebody changes the job's concurrency and limits.
    var adjustment = 0.0
    /// The share of runs with a bound of rows or of requests.
    var bounds = 0.0
    /// The share of runs that find their ledger lost, or an old copy of it.
    var ledgerLoss = 0.0
    /// The share of those that find it lost.
    var lostShare = 0.3
  }

  /// What comes at a later time: news for the conductor, or a piece of the world's own work that makes some.
  enum Pending {
    case event(Conductor.Event)
    case lastKey(source: Int)
    case page(source: Int, PageRequest, held: Set<RowKey>, equals: EqualTexts?)
    /// A request leaves the process, unless its slice of what is shared has lapsed.
    case sending(BatchID, until: Duration)
    case answer(BatchID)
    case write(Conductor.Write)
  }

  struct InFlight {
    let batch: Batch
    let reservation: Double
    /// Whether it was sent, or only entered in the ledger as yet.
    var isSent = true
  }

  /// The last steps, where somebody wants to read them.
  var trace: [String]?
  /// What happened that no promise allows.
  var violations: [String] = []

  let job: Job
  private(set) var faults: Faults
  var metering = Metering()
  /// So many requests' worth of rows are in a page.
  var pageBatches = 3
  var policy = RunPolicy(retry: RetryPolicy(maxOutage: .seconds(1 << 20)), maxQuarantined: .max)
  var random: SeededGenerator
  var tables: [SimulatedTable]

  /// The present run.
  var conductor: Conductor?
  var budget: Job.Budget?
  var lastStep = 0
  /// Whether the limits and the budget are others' too, who take up what the two lists below hold.
  var isSharing = false
  var asks: [ShareAsk] = []
  /// The tokens of each request that was sent.
  var sentTokens: [Int] = []
  /// Requests that were not sent, since their slice had lapsed.
  var lapses = 0
  var steered = Steered()
  var now: Duration = .zero
  var queue = SimulatedQueue<Pending>()
  var nextWake: Duration?
  var inFlight: [BatchID: InFlight] = [:]
  var ledger: SimulatedLedger
  /// The ledger as earlier runs found it.
  var copies: [SimulatedLedger] = []
  var ledgerFate: SeededGenerator
  var lostLedgers = 0
  var oldLedgers = 0
  var outageEnds: Duration = .zero
  var wasStopped = false
  var hadWriteFailure = false
  /// The writes under way, by their writer.
  var writing: [Int: Conductor.Write] = [:]
  var begunWrites: [Int] = []
  /// The rows that were there when the run began and that nobody but the run has touched since.
  var present: [Set<Int64>] = []
  /// The rows that the application has touched since somebody took up this list.
  var touched: [(source: Int, key: Int64)] = []
  /// The watermarks with which the run began: rows behind them may have been edited before it.
  var resumedAfter: [RowKey?] = []

  var runs: Int64 = 0
  var crashes = 0
  var steps = 0
  var requests = 0
  var answersInRun = 0
  /// Healthy rows in quarantine by a provider that failed by chance in each of the few requests that there were.
  var condemnedByChance = 0
  /// Runs that ended before their first answer since so many requests in a row lost their reply by chance.
  var endedByChance = 0
  var lostInRow = 0
  var disturbances = 0
  var inserts = 0
  var lockedWrites = 0
  var outages = 0
  var writeFailures = 0
  /// Of those, the ones that failed while another write was under way.
  var writeFailuresBesideAnother = 0
  /// Writes that ended before another that had begun earlier.
  var overtakingWrites = 0
  var mostWriters = 0
  /// Replies of a server that garbles each.
  var brokenServers = 0
  var troubles: [Trouble: Int] = [:]
  var billedDollars = 0.0
  var billedWithoutReply = 0
  var mostInFlight = 0
  /// The size of the request with which each row's last one failed since the provider was away.
  var failedInOutage: [[BatchRow.Identity: Int]]
  /// Requests that are a part of one that failed since the provider was away.
  var dividedByOutage = 0
  /// What was asked though its reply had been received: must stay empty (P2).
  var paidTwice: [RowKey] = []
  /// Rows that got another row's vector.
  var copied = 0
  /// How often each text was asked for and answered, for rows.
  var answered: [TextDigest: Int] = [:]
  var comparisons = 0
  /// By a text's digest, the vectors of its pieces.
  var rightPieces: [TextDigest: [Piece: TextDigest]] = [:]

  /// A number of the whole course of this world: another one where anything went another way.
  var digest: UInt64 {
    var random = random
    var digest = random.next()
    func add(_ number: Int) { digest = (digest ^ UInt64(bitPattern: Int64(number))) &* 0x100_0000_01B3 }
    for count in [
      Int(runs), steps, requests, crashes, comparisons, inserts, disturbances, lockedWrites, writeFailures, copied,
      ledger.possiblyPaid, Int(now / .milliseconds(1)),
    ] { add(count) }
    for table in tables {
      for key in table.keys {
        add(Int(key))
        for byte in table.rows[key]?.vector?.bytes.prefix(4) ?? [] { add(Int(byte)) }
      }
    }
    return digest
  }

  /// From now on nothing ends a run before its time, so that one has to get to the end.
  mutating func calm() {
    (faults.crash, faults.stop, faults.outage, faults.writeFailure) = (0, 0, 0, 0)
  }

  init(job: Job, rows: [[String?]], faults: Faults, seed: UInt64) {
    // In every second world the application edits filled rows, too, and the job replaces their vectors.
    let hasEdits = seed % 2 == 1
    var job = job
    func isEdited(_ source: Source) -> Bool { hasEdits && source.chunks == nil }
    for index in job.sources.indices where isEdited(job.sources[index]) { job.sources[index].edits = .digest }
    self.init(
      job: job, tables: zip(job.sources, rows).map { SimulatedTable(rows: $1, hasEdits: isEdited($0)) }, faults: faults,
      seed: seed)
  }

  init(job: Job, tables: [SimulatedTable], faults: Faults, seed: UInt64) {
    self.job = job
    self.faults = faults
    self.tables = tables
    random = SeededGenerator(seed: seed)
    ledgerFate = SeededGenerator(seed: seed &* 15_485_863)
    ledger = SimulatedLedger(sources: tables.count)
    failedInOutage = Array(repeating: [:], count: tables.count)
    for source in tables.indices where random.chance(0.2) { ledger.unproven.insert(source) }
  }

  mutating func schedule(_ pending: Pending) {
    schedule(pending, after: .milliseconds(Int.random(in: 1...200, using: &random)))
  }

  mutating func schedule(_ pending: Pending, after time: Duration) {
    queue.add(pending, at: now + time)
  }

  mutating func news(of pending: Pending) -> Conductor.Event? {
    switch pending {
    case .event(let event): event
    case .lastKey(let source): .lastKeyRead(tables[source].lastKey)
    case .page(let source, let request, let held, let equals): .pageRead(page(of: source, request, held, equals))
    case .sending(let id, let end): send(id, before: end)
    case .answer(let id): answer(id)
    case .write(let write): end(write)
    }
  }

  mutating func perform(_ action: Conductor.Action) -> Ending? {
    switch action {
    case .readLastKey(let source):
      schedule(.lastKey(source: source))
    case .readPage(let source, let request, let held, let equals):
      schedule(.page(source: source, request, held: held, equals: equals))
    case .request(let batch, _, let reservation):
      requests += 1
      for row in batch.contents.rows where ledger.received[batch.source].contains(row.identity) {
        paidTwice.append(row.key)
      }
      let whole = batch.contents.rows.compactMap { failedInOutage[batch.source][$0.identity] }.max() ?? 0
      if whole > batch.contents.rows.count { dividedByOutage += 1 }
      inFlight[batch.id] = InFlight(batch: batch, reservation: reservation ?? 0, isSent: !isSharing)
      if let end = conductor?.sliceLapses {
        schedule(.sending(batch.id, until: end), after: .milliseconds(Int.random(in: 0...20, using: &random)))
      } else {
        schedule(.answer(batch.id))
      }
    case .compare(let batch):
      comparisons += 1
      schedule(.event(.compared(batch.id, source: batch.source, alike: batch.contents.inputs.count)))
    case .prove(let source):
      ledger.unproven.remove(source)
      schedule(.event(.proven(source: source)))
    case .prepareWriting:
      schedule(.event(.prepared))
    case .write(let write):
      if ledger.unproven.contains(write.source) {
        violations.append("table \(write.source) was written before its comparison")
      }
      begin(write)
    case .settle(let settlement):
      settle(settlement)
      schedule(.event(.settled))
    case .wake(let time):
      guard time < nextWake ?? .seconds(1 << 30) else { break }
      nextWake = time
      queue.add(.event(.woken), at: time)
    case .cancelRequests:
      for (id, request) in inFlight.sorted(by: { $0.key < $1.key }) {
        ledger.possiblyPaid += 1
        wasBilled(request)
        ledger.spent += request.reservation
        schedule(.event(.requestFailed(id, EmbeddingFailure(.cancelled, "cancelled", mayHaveBeenBilled: true))))
      }
      inFlight = [:]
    case .cancelReading, .cancelWriting:
      break
    case .gather: violations.append("batches were gone through, and there are none")
    case .claim(let ask):
      if !isSharing { violations.append("a slice was claimed, and nothing is shared") }
      asks.append(ask)
    case .end(let ending):
      return ending
    }
    return nil
  }
}
