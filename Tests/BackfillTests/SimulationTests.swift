import Backfill
import TestSupport
import Testing

/// Whole runs on a virtual clock, from a seed; a failure names the seed that brings it back.
@Suite struct SimulationTests {
  static let seeds: Range<UInt64> = 0..<150

  static func world(
    seed: UInt64, faults: SimulatedWorld.Faults, troubles: [Trouble] = [.refused], most: Int = 150,
    cutting: Cutting? = nil, limits: Job.Limits = Job.Limits()
  ) -> SimulatedWorld {
    var random = SeededGenerator(seed: ~seed)
    var writers = SeededGenerator(seed: seed &* 104_729)
    let job = Job(
      name: "simulated",
      sources: [
        Source(table: "a", chunks: cutting.map { Chunks(table: "pieces", cutting: $0) }), Source(table: "b"),
      ],
      model: Model(name: "m", dimensions: 4, usdPerMillionTokens: 1),
      batchSize: Int.random(in: 1...12, using: &random), concurrency: Int.random(in: 1...6, using: &random),
      writers: Int.random(in: 1...4, using: &writers), limits: limits,
      duplicates: cutting == nil && seed.isMultiple(of: 2) ? .table : .page)
    var rows: [[String?]] = (0..<2).map { _ in
      (0..<Int.random(in: 0...most, using: &random)).map { index in
        switch Int.random(in: 0..<20, using: &random) {
        case 0: nil
        case 1: "  \n"
        case 2: troubles.randomElement(using: &random).map { "\($0.rawValue) \(index)" }
        case 3...5: "the same text"
        default: "text \(index) \(random.next())"
        }
      }
    }
    if cutting != nil { rows[0] = rows[0].map { $0.map(lengthened) } }
    return SimulatedWorld(job: job, rows: rows, faults: faults, seed: seed)
  }

  /// A text with up to thirty sentences more, as its own digest says; a blank one stays.
  private static func lengthened(_ text: String) -> String {
    guard text.contains(where: { !$0.isWhitespace }) else { return text }
    let sentences = Int(TextDigest(of: text).bytes[0]) % 31
    return text + (0..<sentences).map { " Sentence \($0) of this one, \(text)." }.joined()
  }

  /// What must hold of a world whose last run is complete and in which nobody else writes any more.
  static func expectDone(_ world: SimulatedWorld) {
    for row in world.tables.flatMap(\.rows.values) {
      guard let text = row.text, let input = TextPreparation().input(for: text), Trouble(in: text) == nil else {
        #expect(row.vector == nil)
        continue
      }
      #expect(row.vector == TextDigest(of: input))
    }
    expectHonest(world)
  }

  /// What must hold of every world at any time.
  static func expectHonest(_ world: SimulatedWorld) {
    #expect(world.violations == [])
    #expect(world.paidTwice.isEmpty)
    #expect(world.mostInFlight <= world.job.concurrency)
    #expect(world.ledger.possiblyPaid >= world.billedWithoutReply)
  }

  @Test(arguments: seeds) func `an undisturbed run gives each row the vector of its own text`(seed: UInt64) {
    var world = Self.world(seed: seed, faults: SimulatedWorld.Faults())
    #expect(world.run()?.exitCode == .complete)
    Self.expectDone(world)
  }

  @Test func `over a whole table each text is asked for once, though the run is killed at any step`() {
    var (crashes, copied) = (0, 0)
    for seed in Self.seeds where seed.isMultiple(of: 2) {
      for faults in [SimulatedWorld.Faults(), .init(transient: 0.1, rateLimited: 0.05, crash: 0.03)] {
        var world = Self.world(seed: seed, faults: faults)
        var ending: Ending?
        while ending != .complete, world.runs < 5_000 { ending = world.run() }
        #expect(ending == .complete, "seed \(seed)")
        Self.expectDone(world)
        // A text may stand in both tables, which are two columns.
        #expect(world.answered.values.allSatisfy { $0 <= 2 }, "seed \(seed)")
        crashes += world.crashes
        copied += world.copied
      }
    }
    #expect(crashes > 100)
    #expect(copied > 100)
  }

  @Test func `a run that is killed at any step, again and again, ends with every row right and none paid twice`() {
    var crashes = 0
    var steps = 0
    for seed in Self.seeds {
      var world = Self.world(
        seed: seed,
        faults: .init(transient: 0.1, processedThoughFailed: 0.05, rateLimited: 0.05, crash: 0.03, stop: 0.005))
      var ending: Ending?
      while ending != .complete, world.runs < 5_000 { ending = world.run() }
      crashes += world.crashes
      steps += world.steps
      #expect(ending == .complete, "seed \(seed)")
      Self.expectDone(world)
    }
    #expect(crashes > 200)
    #expect(steps > 10_000)
  }

  @Test(arguments: seeds) func `rows that are edited, deleted, filled and inserted meanwhile never get a stale vector`(
    seed: UInt64
  ) {
    var world = Self.world(seed: seed, faults: .init(disturbance: 0.5, mostDisturbances: 40))
    while world.disturbances < 40, world.run() == .complete {}
    // What came during the last sweep is left to the next run.
    #expect(world.run() == .complete)
    Self.expectDone(world)
  }

  @Test func `with a budget the provider never bills more, however often the run is killed`() {
    var stopped = 0
    for seed in Self.seeds {
      var world = Self.world(seed: seed, faults: .init(processedThoughFailed: 0.1, crash: 0.02))
      let budget = Job.Budget(usd: Double.random(in: 0.0001...0.003, using: &world.random))
      var ending: Ending?
      while ending == nil, world.runs < 1_000 { ending = world.run(budget: budget) }
      #expect(world.billedDollars <= budget.usd, "seed \(seed)")
      #expect(world.violations == [], "seed \(seed)")
      if ending?.exitCode == .budget { stopped += 1 }
    }
    #expect(stopped > 20)
  }

  @Test func `an outage of the provider divides few requests, which are not its cause`() {
    var (outages, divided) = (0, 0)
    for seed in Self.seeds {
      var world = Self.world(seed: seed, faults: .init(outage: 0.02), troubles: [])
      #expect(world.run()?.exitCode == .complete, "seed \(seed)")
      outages += world.outages
      divided += world.dividedByOutage
    }
    print("figure: \(outages) outages divide requests into \(divided) parts")
    #expect(outages > 50)
    #expect(divided < outages / 2)
  }

  @Test func `a table that refuses every row stops a run before more is paid, and all is written once it is mended`() {
    var stopped = 0
    for seed in Self.seeds {
      for faults in [SimulatedWorld.Faults(), .init(transient: 0.05, crash: 0.01, lock: 0.02)] {
        var world = Self.world(seed: seed, faults: faults, troubles: [])
        let refusing = Int(seed % 2)
        world.tables[refusing].refusesAll = true
        var ending: Ending?
        while ending == nil { ending = world.run() }
        if ending?.exitCode == .configuration {
          stopped += 1
          let requests = world.requests
          // The next run meets the same with what is paid for.
          if faults.crash == 0 {
            #expect(world.run() == ending, "seed \(seed)")
            #expect(world.requests == requests, "seed \(seed)")
          }
          // What is in flight, what waits, and what is written by each writer.
          let most = (4 * world.job.concurrency + 8 * world.job.writers) * world.job.batchSize
          if faults.crash == 0 { #expect(world.ledger.received[refusing].count <= most, "seed \(seed)") }
        }
        #expect(world.ledger.quarantine[refusing].isEmpty, "seed \(seed)")
        world.tables[refusing].refusesAll = false
        ending = nil
        while ending != .complete, world.runs < 1_000 { ending = world.run() }
        #expect(ending == .complete, "seed \(seed)")
        Self.expectDone(world)
      }
    }
    #expect(stopped > 200)
  }
}
