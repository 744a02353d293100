import Backfill

/// A database, a provider, a ledger and a clock that are all in memory, driven by a conductor's actions from a seed.
struct SimulatedWorld {
  struct Faults {
    var transient = 0.0
    var processedThoughFailed = 0.0
    var rateLimited = 0.0
    var crash = 0.0
    var stop = 0.0
    var disturbance = 0.0
    var mostDisturbances = 0
  }

  /// What comes at a later time: news for the conductor, or a piece of the world's own work that makes some.
  enum Pending {
    case event(Conductor.Event)
    case answer(BatchID)
    case write(source: Int, [BatchID])
  }

  struct Spooled {
    let source: Int
    let rows: [BatchRow]
    let vectors: [TextDigest]
  }

  let job: Job
  let faults: Faults
  let policy = RunPolicy(retry: RetryPolicy(maxOutage: .seconds(1 << 20)), maxQuarantined: .max)
  var random: SeededGenerator
  var tables: [SimulatedTable]

  private(set) var now: Duration = .zero
  private var queue: [(time: Duration, pending: Pending)] = []
  private var nextWake: Duration?
  private var inFlight: [BatchID: (batch: Batch, reservation: Double)] = [:]
  private var watermarks: [RowKey?]
  private var spool: [BatchID: Spooled] = [:]
  private var quarantine: [[RowKey: TextDigest]]
  private var spent = 0.0

  private(set) var runs: Int64 = 0
  private(set) var crashes = 0
  private(set) var steps = 0
  private(set) var disturbances = 0
  private(set) var billedDollars = 0.0
  private(set) var billedWithoutReply = 0
  /// As the ledger counts it.
  private(set) var possiblyPaid = 0
  private(set) var mostInFlight = 0
  /// What was asked though its reply had been received: must stay empty (P2).
  private(set) var paidTwice: [RowKey] = []
  private var received: [Set<BatchRow.Identity>]

  init(job: Job, rows: [[String?]], faults: Faults, seed: UInt64) {
    self.job = job
    self.faults = faults
    random = SeededGenerator(seed: seed)
    tables = rows.map(SimulatedTable.init)
    watermarks = Array(repeating: nil, count: rows.count)
    quarantine = Array(repeating: [:], count: rows.count)
    received = Array(repeating: [], count: rows.count)
  }

  /// One run, until it ends or its process dies, which is told by nil.
  mutating func run(budget: Job.Budget? = nil) -> Ending? {
    runs += 1
    var job = job
    job.budget = budget
    possiblyPaid += inFlight.count
    spent += inFlight.values.reduce(0) { $0 + $1.reservation }
    for request in inFlight.values where random.chance(0.5) {
      billedWithoutReply += 1
      bill(request.batch)
    }
    inFlight = [:]
    queue = []
    nextWake = nil
    var conductor = Conductor(
      job: job, policy: policy, run: runs, watermarks: watermarks,
      spooled: spool.map { Conductor.Spooled(id: $0.key, source: $0.value.source, rows: $0.value.rows.count) }
        .sorted { ($0.id.run, $0.id.number) < ($1.id.run, $1.id.number) },
      spent: spent, random: SeededGenerator(seed: random.next()))
    schedule(.event(.started))
    while let next = queue.indices.min(by: { queue[$0].time < queue[$1].time }) {
      let (time, pending) = queue.remove(at: next)
      now = max(now, time)
      steps += 1
      let event: Conductor.Event? =
        switch pending {
        case .event(let event): event
        case .answer(let id): answer(id)
        case .write(let source, let ids): write(ids, to: source)
        }
      if random.chance(faults.crash) {
        crashes += 1
        return nil
      }
      if let wake = nextWake, wake <= now { nextWake = nil }
      for action in event.map({ conductor.handle($0, at: now) }) ?? [] {
        if let ending = perform(action) { return ending }
      }
      mostInFlight = max(mostInFlight, inFlight.count)
      if disturbances < faults.mostDisturbances, random.chance(faults.disturbance) { disturb() }
      if random.chance(faults.stop) { schedule(.event(.stopRequested(.terminate))) }
    }
    return nil
  }

  private mutating func disturb() {
    disturbances += 1
    let index = Int.random(in: 0..<tables.count, using: &random)
    tables[index].disturb(using: &random)
  }

  private mutating func schedule(_ pending: Pending) {
    queue.append((now + .milliseconds(Int.random(in: 1...200, using: &random)), pending))
  }

  private mutating func perform(_ action: Conductor.Action) -> Ending? {
    switch action {
    case .readPage(let source, let key):
      let packer = Packer(preparation: job.preparation, maxInputs: job.batchSize) { $0.utf8.count / 4 }
      let page = tables[source].page(after: key, limit: 3 * job.batchSize)
      schedule(.event(.pageRead(packer.pack(page, condemned: quarantine[source]))))
    case .request(let batch, _, let reservation):
      for row in batch.contents.rows where received[batch.source].contains(row.identity) {
        paidTwice.append(row.key)
      }
      inFlight[batch.id] = (batch, reservation ?? 0)
      schedule(.answer(batch.id))
    case .write(let source, let ids):
      schedule(.write(source: source, ids))
    case .settle(let ids, _, let watermark):
      for id in ids { spool[id] = nil }
      if let watermark { watermarks[watermark.source] = watermark.key }
      schedule(.event(.settled))
    case .condemn(let batch, _, _):
      for row in batch.contents.rows { quarantine[batch.source][row.key] = row.digest }
      schedule(.event(.settled))
    case .wake(let time):
      guard time < nextWake ?? .seconds(1 << 30) else { break }
      nextWake = time
      queue.append((time, .event(.woken)))
    case .cancelRequests:
      for (id, request) in inFlight {
        possiblyPaid += 1
        billedWithoutReply += 1
        bill(request.batch)
        spent += request.reservation
        schedule(.event(.requestFailed(id, EmbeddingFailure(.cancelled, "cancelled", mayHaveBeenBilled: true))))
      }
      inFlight = [:]
    case .end(let ending):
      return ending
    }
    return nil
  }

  private mutating func write(_ ids: [BatchID], to source: Int) -> Conductor.Event {
    var rows = 0
    var matched = 0
    for spooled in ids.compactMap({ spool[$0] }) {
      rows += spooled.rows.count
      for row in spooled.rows where tables[source].write(spooled.vectors[row.input], to: row) { matched += 1 }
    }
    return .written(ids, rows: rows, matched: matched)
  }

  /// The provider's answer, as the ledger holds it before the conductor hears of it; nil for a cancelled request.
  private mutating func answer(_ id: BatchID) -> Conductor.Event? {
    guard let (batch, reservation) = inFlight.removeValue(forKey: id) else { return nil }
    func failed(_ kind: EmbeddingFailure.Kind, processed: Bool = false, after: Duration? = nil) -> Conductor.Event {
      .requestFailed(id, EmbeddingFailure(kind, "simulated", retryAfter: after, mayHaveBeenBilled: processed))
    }
    if batch.contents.texts.contains(where: { $0.contains("poison") }) { return failed(.badInput) }
    if random.chance(faults.rateLimited) { return failed(.rateLimited, after: .seconds(2)) }
    if random.chance(faults.transient) { return failed(.transient) }
    bill(batch)
    if random.chance(faults.processedThoughFailed) {
      billedWithoutReply += 1
      possiblyPaid += 1
      spent += reservation
      return failed(.transient, processed: true)
    }
    let tokens = batch.contents.tokenCount
    spent += job.model.cost(ofTokens: tokens) ?? 0
    spool[id] = Spooled(
      source: batch.source, rows: batch.contents.rows, vectors: batch.contents.texts.map { TextDigest(of: $0) })
    received[batch.source].formUnion(batch.contents.rows.map(\.identity))
    return .received(id, Conductor.Receipt(billedTokens: tokens, latency: .milliseconds(100)))
  }

  private mutating func bill(_ batch: Batch) {
    billedDollars += job.model.cost(ofTokens: batch.contents.tokenCount) ?? 0
  }
}

extension BatchRow {
  struct Identity: Hashable {
    let key: RowKey
    let digest: TextDigest
  }

  var identity: Identity { Identity(key: key, digest: digest) }
}
