import Backfill
import Foundation
import TestSupport
import Testing

/// A world that fails, made smaller: `scripts/crash seed N --shrink`.
@Suite struct WorldShrinkTests {
  private static let isAsked = ProcessInfo.processInfo.environment["VECFILL_SHRINK"] != nil

  private static var faults: [(name: String, path: WritableKeyPath<SimulatedWorld.Faults, Double>)] {
    [
      ("requests fail", \.transient), ("replies are lost", \.processedThoughFailed), ("429s", \.rateLimited),
      ("a broken server", \.newConnection), ("kills", \.crash), ("stops", \.stop), ("edits", \.disturbance),
      ("inserts", \.insert), ("locks", \.lock), ("outages", \.outage), ("writes fail", \.writeFailure),
      ("lost and old ledgers", \.ledgerLoss),
    ]
  }

  /// What makes a world.
  private struct Case {
    var seed: UInt64
    var job: Job
    var faults: SimulatedWorld.Faults
    var texts: [[String?]]
    let hasEdits: [Bool]
    let hasPieces: Bool

    init(_ world: SimulatedWorld, seed: UInt64, hasPieces: Bool) {
      self.seed = seed
      (job, faults) = (world.job, world.faults)
      texts = world.tables.map { table in table.keys.map { table.rows[$0]?.text } }
      hasEdits = world.tables.map(\.hasEdits)
      self.hasPieces = hasPieces
    }

    func world() -> SimulatedWorld {
      SimulatedWorld(
        job: job, tables: zip(texts, hasEdits).map { SimulatedTable(rows: $0, hasEdits: $1) }, faults: faults,
        seed: seed)
    }

    var rowCount: Int { texts.reduce(0) { $0 + $1.count } }
  }

  /// What is wrong with the world; nil where nothing is.
  private static func complaint(
    _ chosen: Case, isTraced: Bool = false
  ) -> (said: String, world: SimulatedWorld)? {
    var world = chosen.world()
    if isTraced { world.trace = [] }
    let isComplete: Bool
    (world, isComplete) =
      chosen.hasPieces ? PiecesSimulationTests.outcome(world) : HostileWorldTests.outcome(world)
    if let violation = world.violations.first { return (violation, world) }
    if !isComplete { return ("no run of \(world.runs) is complete", world) }
    if let key = world.paidTwice.first { return ("row \(key) was paid twice", world) }
    if world.mostInFlight > world.job.concurrency { return ("more requests are in flight than allowed", world) }
    guard world.ledger.possiblyPaid < world.billedWithoutReply else { return nil }
    return ("more was billed than is counted", world)
  }

  @Test(.enabled(if: isAsked)) func `a world that fails still fails with fewer faults and rows`() throws {
    let seed = HostileWorldTests.seeds.lowerBound
    let cases = [
      Case(
        HostileWorldTests.world(seed, losesLedgers: HostileWorldTests.losesLedgers(seed)), seed: seed, hasPieces: false),
      Case(PiecesSimulationTests.hostileWorld(seed), seed: seed, hasPieces: true),
    ]
    let failing = cases.filter { Self.complaint($0) != nil }
    if failing.isEmpty { print("figure: seed \(seed) does not fail: there is nothing to make smaller") }
    for chosen in failing {
      let smallest = Self.shrunk(chosen)
      let (said, world) = try #require(Self.complaint(smallest, isTraced: true))
      Self.tell(seed, chosen, smallest, said, world)
      Issue.record("seed \(seed) fails: \(said)")
    }
  }

  /// Who waits for longer looks at what there is.
  private static let patience: Duration = .seconds(90)
  /// So many other courses of chance are tried with what is smaller.
  private static let chances: UInt64 = 30

  /// As few faults, rows and odd texts as the same thing goes wrong with.
  private static func shrunk(_ chosen: Case) -> Case {
    // What comes behind a colon is of one world.
    func kind(_ said: String?) -> String? { said.map { $0.prefix { $0 != ":" }.filter { !$0.isNumber } } }
    var smallest = chosen
    let wanted = kind(complaint(chosen)?.said)
    let end = ContinuousClock.now + patience
    func shrink(_ change: (inout Case) -> Void) -> Bool {
      var smaller = smallest
      change(&smaller)
      for chance in 0...chances where .now < end {
        smaller.seed = smallest.seed &+ chance &* 1_000_000_007
        guard kind(complaint(smaller)?.said) == wanted else { continue }
        smallest = smaller
        return true
      }
      return false
    }
    var isDone = false
    while !isDone, .now < end {
      isDone = true
      for fault in faults where smallest.faults[keyPath: fault.path] > 0 {
        if shrink({ $0.faults[keyPath: fault.path] = 0 }) { isDone = false }
      }
      for table in smallest.texts.indices {
        // Halves first, then quarters, down to single rows.
        var length = max(1, smallest.texts[table].count)
        while length >= 1 {
          var first = 0
          while first < smallest.texts[table].count {
            let range = first..<min(first + length, smallest.texts[table].count)
            if shrink({ $0.texts[table].removeSubrange(range) }) { isDone = false } else { first += length }
          }
          length /= 2
        }
        for (index, text) in smallest.texts[table].enumerated() {
          guard text != plain(index) else { continue }
          if shrink({ $0.texts[table][index] = plain(index) }) { isDone = false }
        }
      }
      for (path, least) in [(\Job.writers, 1), (\Job.concurrency, 1), (\Job.batchSize, 1)]
      where smallest.job[keyPath: path] > least {
        if shrink({ $0.job[keyPath: path] = least }) { isDone = false }
      }
    }
    return smallest
  }

  private static func plain(_ index: Int) -> String { "text \(index)" }

  private static func tell(
    _ seed: UInt64, _ chosen: Case, _ smallest: Case, _ said: String, _ world: SimulatedWorld
  ) {
    let needed = faults.filter { smallest.faults[keyPath: $0.path] > 0 }.map(\.name)
    var lines = [
      "seed \(seed)\(chosen.hasPieces ? ", the world with pieces," : "") fails: \(said)",
      "made smaller: \(chosen.rowCount) rows to \(smallest.rowCount), "
        + "\(chosen.job.concurrency) requests side by side of \(chosen.job.batchSize) texts and \(chosen.job.writers) writers to "
        + "\(smallest.job.concurrency) of \(smallest.job.batchSize) and \(smallest.job.writers), \(world.runs) runs",
      "it needs \(needed.isEmpty ? "no faults" : needed.joined(separator: ", "))",
    ]
    for (table, texts) in smallest.texts.enumerated() where !texts.isEmpty {
      let odd = texts.indices.filter { texts[$0] != plain($0) }
      lines.append(
        "table \(table): \(texts.count == 1 ? "1 row" : "\(texts.count) rows")\(smallest.hasEdits[table] ? ", edits are replaced" : ""), "
          + "\(odd.isEmpty ? "all" : "the others") plain")
      for index in odd { lines.append("  row \(index * 3): \(texts[index].map { String(reflecting: $0) } ?? "NULL")") }
    }
    lines.append("the last steps before it:")
    lines += (world.trace ?? []).map { "  \($0)" } + ["then: \(said)"]
    for line in lines { print("figure: \(line)") }
  }
}
