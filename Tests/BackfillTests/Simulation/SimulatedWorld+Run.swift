import Backfill
import TestSupport

/// One run after another, step by step.
extension SimulatedWorld {
  /// What a step has come to.
  enum Step {
    case going
    case ended(Ending)
    /// The process is dead.
    case died
  }

  /// Then the application is silent: a table that grows for ever between kills is never read to its end.
  static let mostInserts = 1_000
  /// No run of these worlds takes more steps.
  static let mostSteps = 200_000

  static let compared = Batch.Contents(
    inputs: (1...3).map { Input(texts: ["compared \($0)"], tokens: [3], isExact: true) }, rows: [])

  /// One run, until it ends or its process dies, which is told by nil.
  mutating func run(budget: Job.Budget? = nil) -> Ending? {
    begin(budget: budget)
    while true {
      switch step() {
      case .going: continue
      case .ended(let ending): return ending
      case .died: return nil
      }
    }
  }

  /// Begins a run with what the last one has left.
  mutating func begin(budget: Job.Budget? = nil) {
    runs += 1
    answersInRun = 0
    lostInRow = 0
    self.budget = budget
    var job = job
    job.budget = budget
    ledger.possiblyPaid += inFlight.count
    ledger.spent += inFlight.values.reduce(0) { $0 + $1.reservation }
    for (_, request) in inFlight.sorted(by: { $0.key < $1.key }) where random.chance(0.5) { wasBilled(request) }
    inFlight = [:]
    disturbLedger()
    failedInOutage = failedInOutage.map { _ in [:] }
    queue = SimulatedQueue()
    (asks, sentTokens) = ([], [])
    nextWake = nil
    wasStopped = false
    hadWriteFailure = false
    writing = [:]
    begunWrites = []
    present = tables.map { Set($0.keys) }
    touched = []
    resumedAfter = ledger.watermarks
    beginSteering()
    note { "run \($0.runs) begins with \($0.ledger.spool.count) batches in the spool" }
    lastStep = steps + SimulatedWorld.mostSteps
    conductor = Conductor(
      job: job, policy: policy, run: runs, watermarks: ledger.watermarks,
      spooled: ledger.spool.map {
        Conductor.Spooled(id: $0.key, source: $0.value.source, rows: Set($0.value.rows.map(\.key)).count)
      }
      .sorted { ($0.id.run, $0.id.number) < ($1.id.run, $1.id.number) },
      spent: ledger.spent, preparesWriting: random.chance(0.3),
      compared: ledger.unproven.sorted().map { ($0, SimulatedWorld.compared) }, shares: isSharing,
      random: SeededGenerator(seed: random.next()))
    schedule(.event(.started))
  }

  /// What comes next, at its time, or at `clock` where that is later.
  mutating func step(at clock: Duration = .zero) -> Step {
    guard let (time, pending) = queue.next() else {
      violations.append("nothing is left to happen, and the run has not ended: \(describedConductor)")
      return .died
    }
    now = max(now, time, clock)
    steps += 1
    guard steps < lastStep else {
      violations.append("the run never ends: \(describedConductor)")
      return .died
    }
    let event = news(of: pending)
    if random.chance(faults.crash) {
      crashes += 1
      note { _ in "killed" }
      return .died
    }
    if let wake = nextWake, wake <= now { nextWake = nil }
    if let event {
      hear(event)
      if case .woken = event {} else { note { $0.described(event) } }
      for action in conductor?.handle(event, at: now) ?? [] {
        if case .wake = action {} else { note { $0.described(action) } }
        judge(action)
        if let ending = perform(action) {
          judge(ending, hasBudget: budget != nil)
          return .ended(ending)
        }
      }
    }
    mostInFlight = max(mostInFlight, inFlight.count)
    if let tally = conductor?.tally { judge(tally) }
    goOn()
    return .going
  }

  private var describedConductor: String {
    "\(inFlight.count) requests in flight, \(writing.count) writes under way, \(conductor?.tally.written ?? 0) rows written"
  }

  /// What the world does by itself after each step.
  private mutating func goOn() {
    steer()
    if disturbances < faults.mostDisturbances, random.chance(faults.disturbance) {
      disturbances += 1
      let index = Int.random(in: 0..<tables.count, using: &random)
      if let key = tables[index].disturb(using: &random) { touch(key, of: index) }
    }
    if inserts < Self.mostInserts, random.chance(faults.insert) {
      inserts += 1
      let index = Int.random(in: 0..<tables.count, using: &random)
      // A row that was inserted elsewhere may have the key: it is another one then.
      touch(tables[index].append("inserted \(random.next())"), of: index)
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

  private mutating func touch(_ key: Int64, of source: Int) {
    present[source].remove(key)
    touched.append((source, key))
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
      if failure.exitCode == .configuration, tables.contains(where: \.refusesAll) { return }
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
        guard ledger.quarantine[index][.integer(key)]?.digest == row.textDigest else {
          violations.append(
            "complete, and row \(key) of table \(index) has \(row.vector == nil ? "no" : "another text's") vector")
          continue
        }
      }
    }
  }
}
