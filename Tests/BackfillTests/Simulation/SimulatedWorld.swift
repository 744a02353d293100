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
  }

  /// What comes at a later time: news for the conductor, or a piece of the world's own work that makes some.
  enum Pending {
    case event(Conductor.Event)
    case lastKey(source: Int)
    case page(source: Int, PageRequest, held: Set<RowKey>, equals: EqualTexts?)
    case answer(BatchID)
    case write(Conductor.Write)
  }

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

  var steered = Steered()
  var now: Duration = .zero
  var queue: [(time: Duration, pending: Pending)] = []
  var nextWake: Duration?
  var inFlight: [BatchID: (batch: Batch, reservation: Double)] = [:]
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
    self.job = job
    self.faults = faults
    random = SeededGenerator(seed: seed)
    ledgerFate = SeededGenerator(seed: seed &* 15_485_863)
    tables = zip(job.sources, rows).map { SimulatedTable(rows: $1, hasEdits: isEdited($0)) }
    ledger = SimulatedLedger(sources: rows.count)
    failedInOutage = Array(repeating: [:], count: rows.count)
    for source in rows.indices where random.chance(0.2) { ledger.unproven.insert(source) }
  }

  /// Then the application is silent: a table that grows for ever between kills is never read to its end.
  static let mostInserts = 1_000
  /// No run of these worlds takes more steps.
  static let mostSteps = 200_000

  /// One run, until it ends or its process dies, which is told by nil.
  mutating func run(budget: Job.Budget? = nil) -> Ending? {
    runs += 1
    answersInRun = 0
    lostInRow = 0
    var job = job
    job.budget = budget
    ledger.possiblyPaid += inFlight.count
    ledger.spent += inFlight.values.reduce(0) { $0 + $1.reservation }
    for request in inFlight.values where random.chance(0.5) {
      billedWithoutReply += 1
      bill(request.batch)
    }
    inFlight = [:]
    disturbLedger()
    failedInOutage = failedInOutage.map { _ in [:] }
    queue = []
    nextWake = nil
    wasStopped = false
    hadWriteFailure = false
    writing = [:]
    begunWrites = []
    present = tables.map { Set($0.rows.keys) }
    resumedAfter = ledger.watermarks
    beginSteering()
    let last = steps + SimulatedWorld.mostSteps
    var conductor = Conductor(
      job: job, policy: policy, run: runs, watermarks: ledger.watermarks,
      spooled: ledger.spool.map {
        Conductor.Spooled(id: $0.key, source: $0.value.source, rows: Set($0.value.rows.map(\.key)).count)
      }
      .sorted { ($0.id.run, $0.id.number) < ($1.id.run, $1.id.number) },
      spent: ledger.spent, preparesWriting: random.chance(0.3),
      compared: ledger.unproven.sorted().map { ($0, SimulatedWorld.compared) },
      random: SeededGenerator(seed: random.next()))
    schedule(.event(.started))
    while let next = queue.indices.min(by: { queue[$0].time < queue[$1].time }) {
      let (time, pending) = queue.remove(at: next)
      now = max(now, time)
      steps += 1
      guard steps < last else {
        violations.append("the run never ends: \(conductor)")
        return nil
      }
      let event = news(of: pending)
      if random.chance(faults.crash) {
        crashes += 1
        return nil
      }
      if let wake = nextWake, wake <= now { nextWake = nil }
      if let event { hear(event) }
      for action in event.map({ conductor.handle($0, at: now) }) ?? [] {
        judge(action)
        if let ending = perform(action) {
          judge(ending, hasBudget: budget != nil)
          return ending
        }
      }
      mostInFlight = max(mostInFlight, inFlight.count)
      judge(conductor.tally)
      goOn()
    }
    violations.append("nothing is left to happen, and the run has not ended: \(conductor)")
    return nil
  }

  /// What the world does by itself after each step.
  mutating func goOn() {
    steer()
    if disturbances < faults.mostDisturbances, random.chance(faults.disturbance) {
      disturbances += 1
      let index = Int.random(in: 0..<tables.count, using: &random)
      if let key = tables[index].disturb(using: &random) { present[index].remove(key) }
    }
    if inserts < Self.mostInserts, random.chance(faults.insert) {
      inserts += 1
      let index = Int.random(in: 0..<tables.count, using: &random)
      // A row that was inserted elsewhere may have the key: it is another one then.
      present[index].remove(tables[index].append("inserted \(random.next())"))
    }
    if random.chance(faults.lock) {
      let until = now + .seconds(Int.random(in: 1...60, using: &random))
      tables[Int.random(in: 0..<tables.count, using: &random)].lock(until: until, using: &random)
    }
    if random.chance(faults.outage), outageEnds <= now {
      outages += 1
      outageEnds = now + .seconds(Int.random(in: 1...120, using: &random))
    }
    if random.chance(faults.stop) {
      wasStopped = true
      schedule(.event(.stopRequested(.terminate)))
    }
  }

  /// Every ending that the world doesn't justify is a violation.
  mutating func judge(_ ending: Ending, hasBudget: Bool) {
    switch ending {
    case .complete, .quarantined: expectComplete()
    case .waiting: violations.append("waiting for a batch, and there is none")
    case .stopped(.rows) where policy.bounds.rows != nil: steered.full += 1
    case .stopped(.requests) where policy.bounds.requests != nil: steered.spent += 1
    case .stopped: if !wasStopped { violations.append("stopped, and nobody asked for it") }
    case .failed(let failure):
      if failure == Self.databaseAway, hadWriteFailure { return }
      if answersInRun == 0, lostInRow >= 4, failure.exitCode == .configuration {
        endedByChance += 1
        return
      }
      if failure.exitCode != .budget || !hasBudget { violations.append("ended by \(failure)") }
    }
  }

  /// P1: each row that was there and that nobody else has touched has the vector of its text, is blank, or is in quarantine
  /// for it.
  mutating func expectComplete() {
    for (index, table) in tables.enumerated() {
      for key in present[index] {
        guard let row = table.rows[key], row.vector == nil || row.isStale, let text = row.text,
          TextPreparation().input(for: text) != nil
        else { continue }
        guard ledger.quarantine[index][.integer(key)]?.digest == TextDigest(of: text) else {
          violations.append(
            "complete, and row \(key) of table \(index) has \(row.vector == nil ? "no" : "another text's") vector")
          continue
        }
      }
    }
  }

  static let compared = Batch.Contents(
    inputs: (1...3).map { Input(texts: ["compared \($0)"], tokens: [3], isExact: true) }, rows: [])

  mutating func schedule(_ pending: Pending) {
    schedule(pending, after: .milliseconds(Int.random(in: 1...200, using: &random)))
  }

  mutating func schedule(_ pending: Pending, after time: Duration) {
    queue.append((now + time, pending))
  }

  mutating func news(of pending: Pending) -> Conductor.Event? {
    switch pending {
    case .event(let event): event
    case .lastKey(let source): .lastKeyRead(tables[source].lastKey)
    case .page(let source, let request, let held, let equals): .pageRead(page(of: source, request, held, equals))
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
      inFlight[batch.id] = (batch, reservation ?? 0)
      schedule(.answer(batch.id))
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
      queue.append((time, .event(.woken)))
    case .cancelRequests:
      for (id, request) in inFlight {
        ledger.possiblyPaid += 1
        billedWithoutReply += 1
        bill(request.batch)
        ledger.spent += request.reservation
        schedule(.event(.requestFailed(id, EmbeddingFailure(.cancelled, "cancelled", mayHaveBeenBilled: true))))
      }
      inFlight = [:]
    case .cancelReading, .cancelWriting:
      break
    case .gather: violations.append("batches were gone through, and there are none")
    case .claim: violations.append("a slice was claimed, and nothing is shared")
    case .end(let ending):
      return ending
    }
    return nil
  }

}
