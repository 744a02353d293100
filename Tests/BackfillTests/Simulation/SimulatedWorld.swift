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
  }

  /// What comes at a later time: news for the conductor, or a piece of the world's own work that makes some.
  enum Pending {
    case event(Conductor.Event)
    case lastKey(source: Int)
    case page(source: Int, PageRequest, held: Set<RowKey>, equals: EqualTexts?)
    case answer(BatchID)
    case write(Conductor.Write)
  }

  struct Spooled {
    let source: Int
    let rows: [BatchRow]
    let vectors: [TextDigest]
  }

  /// What happened that no promise allows.
  var violations: [String] = []

  let job: Job
  let faults: Faults
  var metering = Metering()
  /// So many requests' worth of rows are in a page.
  var pageBatches = 3
  var policy = RunPolicy(retry: RetryPolicy(maxOutage: .seconds(1 << 20)), maxQuarantined: .max)
  var random: SeededGenerator
  var tables: [SimulatedTable]

  var steered = Steered()
  private(set) var now: Duration = .zero
  private var queue: [(time: Duration, pending: Pending)] = []
  private var nextWake: Duration?
  private(set) var inFlight: [BatchID: (batch: Batch, reservation: Double)] = [:]
  private var watermarks: [RowKey?]
  private(set) var spool: [BatchID: Spooled] = [:]
  private(set) var quarantine: [[RowKey: CondemnedRow]]
  private var spent = 0.0
  private var outageEnds: Duration = .zero
  private var wasStopped = false
  private var hadWriteFailure = false
  /// The writes under way, by their writer.
  private var writing: [Int: Conductor.Write] = [:]
  private var begunWrites: [Int] = []
  /// The rows that were there when the run began and that nobody but the run has touched since.
  private var present: [Set<Int64>] = []

  private(set) var runs: Int64 = 0
  private(set) var crashes = 0
  private(set) var steps = 0
  private(set) var requests = 0
  private var answersInRun = 0
  /// Healthy rows in quarantine by a provider that failed by chance in each of the few requests that there were.
  private(set) var condemnedByChance = 0
  /// Runs that ended before their first answer since so many requests in a row lost their reply by chance.
  private(set) var endedByChance = 0
  private var lostInRow = 0
  private(set) var disturbances = 0
  private(set) var inserts = 0
  private(set) var lockedWrites = 0
  private(set) var outages = 0
  private(set) var writeFailures = 0
  /// Of those, the ones that failed while another write was under way.
  private(set) var writeFailuresBesideAnother = 0
  /// Writes that ended before another that had begun earlier.
  private(set) var overtakingWrites = 0
  private(set) var mostWriters = 0
  /// Replies of a server that garbles each.
  private(set) var brokenServers = 0
  private(set) var troubles: [Trouble: Int] = [:]
  private(set) var billedDollars = 0.0
  private(set) var billedWithoutReply = 0
  /// As the ledger counts it.
  private(set) var possiblyPaid = 0
  private(set) var mostInFlight = 0
  /// What was asked though its reply had been received: must stay empty (P2).
  private(set) var paidTwice: [RowKey] = []
  private var received: [Set<BatchRow.Identity>]
  /// By source the texts that were paid for, and a row that got each.
  private var knownTexts: [[TextDigest: RowKey]]
  /// Rows that got another row's vector.
  private(set) var copied = 0
  /// How often each text was asked for and answered, for rows.
  private(set) var answered: [TextDigest: Int] = [:]
  /// Sources with vectors of which nobody knows yet that they are the job's.
  private var unproven: Set<Int>
  private(set) var comparisons = 0

  init(job: Job, rows: [[String?]], faults: Faults, seed: UInt64) {
    // In every second world the application edits filled rows, too, and the job replaces their vectors.
    let hasEdits = seed % 2 == 1
    var job = job
    func isEdited(_ source: Source) -> Bool { hasEdits && source.chunks == nil }
    for index in job.sources.indices where isEdited(job.sources[index]) { job.sources[index].edits = .digest }
    self.job = job
    self.faults = faults
    random = SeededGenerator(seed: seed)
    tables = zip(job.sources, rows).map { SimulatedTable(rows: $1, hasEdits: isEdited($0)) }
    watermarks = Array(repeating: nil, count: rows.count)
    quarantine = Array(repeating: [:], count: rows.count)
    received = Array(repeating: [], count: rows.count)
    knownTexts = Array(repeating: [:], count: rows.count)
    unproven = []
    for source in rows.indices where random.chance(0.2) { unproven.insert(source) }
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
    possiblyPaid += inFlight.count
    spent += inFlight.values.reduce(0) { $0 + $1.reservation }
    for request in inFlight.values where random.chance(0.5) {
      billedWithoutReply += 1
      bill(request.batch)
    }
    inFlight = [:]
    queue = []
    nextWake = nil
    wasStopped = false
    hadWriteFailure = false
    writing = [:]
    begunWrites = []
    present = tables.map { Set($0.rows.keys) }
    beginSteering()
    let last = steps + SimulatedWorld.mostSteps
    var conductor = Conductor(
      job: job, policy: policy, run: runs, watermarks: watermarks,
      spooled: spool.map {
        Conductor.Spooled(id: $0.key, source: $0.value.source, rows: Set($0.value.rows.map(\.key)).count)
      }
      .sorted { ($0.id.run, $0.id.number) < ($1.id.run, $1.id.number) },
      spent: spent, preparesWriting: random.chance(0.3),
      compared: unproven.sorted().map { ($0, SimulatedWorld.compared) }, random: SeededGenerator(seed: random.next()))
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
  private mutating func goOn() {
    steer()
    if disturbances < faults.mostDisturbances, random.chance(faults.disturbance) {
      disturbances += 1
      let index = Int.random(in: 0..<tables.count, using: &random)
      if let key = tables[index].disturb(using: &random) { present[index].remove(key) }
    }
    if inserts < Self.mostInserts, random.chance(faults.insert) {
      inserts += 1
      tables[Int.random(in: 0..<tables.count, using: &random)].append("inserted \(random.next())")
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
  private mutating func judge(_ ending: Ending, hasBudget: Bool) {
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
  private mutating func expectComplete() {
    for (index, table) in tables.enumerated() {
      for key in present[index] {
        guard let row = table.rows[key], row.vector == nil || row.isStale, let text = row.text,
          TextPreparation().input(for: text) != nil
        else { continue }
        guard quarantine[index][.integer(key)]?.digest == TextDigest(of: text) else {
          violations.append(
            "complete, and row \(key) of table \(index) has \(row.vector == nil ? "no" : "another text's") vector")
          continue
        }
      }
    }
  }

  private static let compared = Batch.Contents(
    inputs: (1...3).map { Input(texts: ["compared \($0)"], tokens: [3], isExact: true) }, rows: [])

  private mutating func schedule(_ pending: Pending) {
    schedule(pending, after: .milliseconds(Int.random(in: 1...200, using: &random)))
  }

  mutating func schedule(_ pending: Pending, after time: Duration) {
    queue.append((now + time, pending))
  }

  private mutating func news(of pending: Pending) -> Conductor.Event? {
    switch pending {
    case .event(let event): event
    case .lastKey(let source): .lastKeyRead(tables[source].lastKey)
    case .page(let source, let request, let held, let equals): .pageRead(page(of: source, request, held, equals))
    case .answer(let id): answer(id)
    case .write(let write): end(write)
    }
  }

  private mutating func perform(_ action: Conductor.Action) -> Ending? {
    switch action {
    case .readLastKey(let source):
      schedule(.lastKey(source: source))
    case .readPage(let source, let request, let held, let equals):
      schedule(.page(source: source, request, held: held, equals: equals))
    case .request(let batch, _, let reservation):
      requests += 1
      for row in batch.contents.rows where received[batch.source].contains(row.identity) {
        paidTwice.append(row.key)
      }
      inFlight[batch.id] = (batch, reservation ?? 0)
      schedule(.answer(batch.id))
    case .compare(let batch):
      comparisons += 1
      schedule(.event(.compared(batch.id, source: batch.source, alike: batch.contents.inputs.count)))
    case .prove(let source):
      unproven.remove(source)
      schedule(.event(.proven(source: source)))
    case .prepareWriting:
      schedule(.event(.prepared))
    case .write(let write):
      if unproven.contains(write.source) {
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
        possiblyPaid += 1
        billedWithoutReply += 1
        bill(request.batch)
        spent += request.reservation
        schedule(.event(.requestFailed(id, EmbeddingFailure(.cancelled, "cancelled", mayHaveBeenBilled: true))))
      }
      inFlight = [:]
    case .cancelReading, .cancelWriting:
      break
    case .gather: violations.append("batches were gone through, and there are none")
    case .end(let ending):
      return ending
    }
    return nil
  }

  private mutating func page(
    of source: Int, _ request: PageRequest, _ held: Set<RowKey>, _ equals: EqualTexts?
  ) -> PackedPage {
    var request = request
    request.limit = pageBatches * job.batchSize
    let whole = tables[source].page(request, window: (pageBatches + 2) * job.batchSize)
    let condemned = quarantine[source].mapValues(\.digest)
    let (page, isCut) = whole.cut(to: request.mostTaken) { message in
      held.contains(message.key) || job.preparation.input(for: message.text ?? "") == nil
    }
    guard let equals else {
      var packed = packer.pack(
        page, condemned: condemned, held: held, cutting: cutting(of: source), paid: paidPieces(of: source))
      packed.isCut = isCut
      return packed
    }
    let (copies, deferred) = share(page, condemned, held, equals, of: source)
    let left = held.union(copies.map(\.key)).union(deferred)
    var packed = packer.pack(page, condemned: condemned, held: left)
    packed.isCut = isCut
    packed.add(copied: Set(copies.map(\.key)), by: equals.copies)
    packed.add(deferred: deferred)
    return packed
  }

  /// As the pipeline does: rows whose text another row has with its vector, and rows whose text is awaited.
  private mutating func share(
    _ page: MessagePage, _ condemned: [RowKey: TextDigest], _ held: Set<RowKey>, _ equals: EqualTexts, of source: Int
  ) -> (copies: [BatchRow], deferred: [RowKey]) {
    var (copies, deferred, vectors) = ([BatchRow](), [RowKey](), [TextDigest]())
    for message in page.messages where !held.contains(message.key) {
      guard let text = message.text, job.preparation.input(for: text) != nil else { continue }
      let digest = TextDigest(of: text)
      guard condemned[message.key] != digest else { continue }
      if equals.awaited.contains(digest) {
        deferred.append(message.key)
      } else if case .integer(let known)? = knownTexts[source][digest], let row = tables[source].rows[known],
        let vector = row.vector, row.text.map(TextDigest.init(of:)) == digest
      {
        copies.append(BatchRow(key: message.key, digest: digest, input: vectors.count))
        vectors.append(vector)
      }
    }
    if !copies.isEmpty {
      spool[equals.copies] = Spooled(source: source, rows: copies, vectors: vectors)
      copied += copies.count
    }
    return (copies, deferred)
  }

  var packer: Packer {
    Packer(
      preparation: job.preparation, maxInputs: job.batchSize, countsExactly: metering.countsExactly,
      countTokens: metering.counted)
  }

  func cutting(of source: Int) -> Cutting? { job.sources[source].chunks?.cutting }

  private mutating func settle(_ settlement: Settlement) {
    for id in settlement.batches { spool[id] = nil }
    for watermark in settlement.watermarks { watermarks[watermark.source] = watermark.key }
    for row in settlement.condemned {
      quarantine[row.source][row.key] = row
      guard case .integer(let key) = row.key, let text = tables[row.source].rows[key]?.text,
        TextDigest(of: text) == row.digest
      else { continue }
      guard let trouble = Trouble(in: text) else {
        // Before twenty answers nobody can tell chance from cause within the requests that isolation may cost.
        if answersInRun < 20 {
          condemnedByChance += 1
        } else {
          violations.append("healthy row \(key) of table \(row.source) is in quarantine: \(row.condemnation.reason)")
        }
        continue
      }
      troubles[trouble, default: 0] += 1
    }
  }

  private static let databaseAway = Failure(.unavailable, "db", "gone")

  /// No two writes under way have a row in common, and no writer has two.
  private mutating func begin(_ write: Conductor.Write) {
    if writing[write.writer] != nil { violations.append("writer \(write.writer) got a second write") }
    if !(0..<job.writers).contains(write.writer) { violations.append("there is no writer \(write.writer)") }
    let rows = keys(of: write)
    for other in writing.values where other.source == write.source && !rows.isDisjoint(with: keys(of: other)) {
      violations.append("two writers have the same row")
    }
    writing[write.writer] = write
    mostWriters = max(mostWriters, writing.count)
    begunWrites.append(write.writer)
    schedule(.write(write))
  }

  private func keys(of write: Conductor.Write) -> Set<RowKey> {
    Set(write.parts.flatMap { part in part.rows ?? Set(spool[part.batch]?.rows.map(\.key) ?? []) })
  }

  private mutating func end(_ write: Conductor.Write) -> Conductor.Event {
    if begunWrites.first != write.writer { overtakingWrites += 1 }
    begunWrites.removeAll { $0 == write.writer }
    writing[write.writer] = nil
    // Few writes have company, and those are the ones to see fail.
    let chance = faults.writeFailure * (writing.isEmpty ? 1 : 4)
    guard chance > 0, random.chance(chance) else { return self.write(write) }
    if random.chance(0.5) { _ = self.write(write) }
    hadWriteFailure = true
    writeFailures += 1
    if !writing.isEmpty { writeFailuresBesideAnother += 1 }
    return .writeFailed(Self.databaseAway, writer: write.writer)
  }

  private mutating func write(_ write: Conductor.Write) -> Conductor.Event {
    var outcome = WriteOutcome()
    var batches: [(id: BatchID, rows: [BatchRow])] = []
    for part in write.parts {
      if let cutting = cutting(of: write.source) {
        let rows = assembled(part, cutting)
        batches.append((part.batch, rows.map(\.row)))
        merge(tables[write.source].write(rows, at: now), into: &outcome)
        continue
      }
      guard let spooled = spool[part.batch] else { continue }
      let rows = spooled.rows.filter { part.rows?.contains($0.key) ?? true }
      batches.append((part.batch, rows))
      merge(tables[write.source].write(rows.map { ($0, spooled.vectors[$0.input]) }, at: now), into: &outcome)
    }
    lockedWrites += outcome.locked.count
    return .written(WriteReport(outcome, of: batches), writer: write.writer)
  }

  private func merge(_ one: WriteOutcome, into outcome: inout WriteOutcome) {
    outcome.written.formUnion(one.written)
    outcome.locked.formUnion(one.locked)
    outcome.unfilled.formUnion(one.unfilled)
    outcome.refused.merge(one.refused) { first, _ in first }
  }

  /// The provider's answer, as the ledger holds it before the conductor hears of it; nil for a cancelled request.
  private mutating func answer(_ id: BatchID) -> Conductor.Event? {
    guard let (batch, reservation) = inFlight.removeValue(forKey: id) else { return nil }
    let losses = lostInRow
    lostInRow = 0
    let isNew = random.chance(faults.newConnection)
    func failed(_ failure: EmbeddingFailure) -> Conductor.Event {
      var failure = failure
      failure.isOfUntriedServer = isNew && !failure.refusesInputs
      return .requestFailed(id, failure)
    }
    if outageEnds > now { return failed(EmbeddingFailure(.transient, "away", status: 503)) }
    if random.chance(faults.rateLimited) {
      return failed(EmbeddingFailure(.rateLimited, "simulated", status: 429, retryAfter: .seconds(2)))
    }
    if random.chance(faults.transient) { return failed(EmbeddingFailure(.transient, "simulated", status: 503)) }
    // A run whose first server is the broken one may end and say so.
    if isNew, answersInRun > 0, random.chance(1.0 / 3) {
      brokenServers += 1
      bill(batch)
      let isOfOneVector = batch.contents.texts.count == 1 && random.chance(0.5)
      return lost(
        reservation,
        failed(
          EmbeddingFailure(
            .brokenReply, "garbled", status: 200, badIndex: isOfOneVector ? 0 : nil, mayHaveBeenBilled: true)))
    }
    let found = batch.contents.texts.map { Trouble(in: $0) }
    if let failure = found.lazy.compactMap({ $0?.failure }).first {
      guard failure.mayHaveBeenBilled else { return failed(failure) }
      bill(batch)
      return lost(reservation, failed(failure))
    }
    bill(batch)
    if random.chance(faults.processedThoughFailed) {
      lostInRow = losses + 1
      return lost(reservation, failed(EmbeddingFailure(.transient, "simulated", mayHaveBeenBilled: true)))
    }
    let unusable = Set(found.indices.filter { found[$0] == .noUsableVector })
    if unusable.count == found.count {
      let failure = EmbeddingFailure(
        .brokenReply, "no vector", status: 200, badIndex: found.count == 1 ? 0 : nil, mayHaveBeenBilled: true)
      return lost(reservation, failed(failure))
    }
    let told = metering.told(of: batch.contents.texts, using: &random)
    let billed = batch.contents.trusted(told) ?? batch.contents.tokenCount
    let spentTokens = batch.contents.spentTokens(told: told)
    answersInRun += 1
    spent += job.model.cost(ofTokens: spentTokens) ?? 0
    let contents = batch.contents.leavingOut(unusable)
    spool[id] = Spooled(
      source: batch.source, rows: contents.rows, vectors: contents.texts.map { TextDigest(of: $0) })
    received[batch.source].formUnion(contents.rows.map(\.identity))
    for row in contents.rows { knownTexts[batch.source][row.digest] = row.key }
    for digest in Set(contents.rows.map(\.digest)) { answered[digest, default: 0] += 1 }
    return .received(
      id,
      Conductor.Receipt(
        billedTokens: billed, tellsTokens: batch.contents.tellsTokens(told), spentTokens: spentTokens,
        latency: .milliseconds(100),
        unusable: Dictionary(uniqueKeysWithValues: unusable.map { ($0, "no vector") })))
  }

  private mutating func lost(_ reservation: Double, _ event: Conductor.Event) -> Conductor.Event {
    billedWithoutReply += 1
    possiblyPaid += 1
    spent += reservation
    return event
  }

  private mutating func bill(_ batch: Batch) {
    billedDollars += (job.model.cost(ofTokens: metering.real(batch.contents.texts)) ?? 0) * metering.timesThePrice
  }
}

extension BatchRow {
  struct Identity: Hashable {
    let key: RowKey
    let digest: TextDigest
    let piece: Piece?
  }

  var identity: Identity { Identity(key: key, digest: digest, piece: piece) }
}
