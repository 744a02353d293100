import Backfill
import TestSupport
import Testing

/// Whole runs of 2 to 8 jobs over one allowance, each in a world of `HostileWorldTests`. A failure names its seed.
@Suite struct SharingSimulationTests {
  /// As in `HostileWorldTests`.
  static let seeds: ClosedRange<UInt64> =
    HostileWorldTests.isChosen ? HostileWorldTests.seeds : 0...29

  /// In every third fleet ledgers are lost, or are old copies; in every fourth one each two jobs have copies of one ledger.
  static func fleet(seed: UInt64) -> SimulatedFleet {
    var random = SeededGenerator(seed: seed &* 32_452_843)
    let limits = Job.Limits(
      requestsPerMinute: Int.random(in: seed.isMultiple(of: 4) ? 30...60 : 30...600, using: &random),
      tokensPerMinute: Int.random(in: 2_000...50_000, using: &random))
    let hasBudget = random.chance(0.6)
    let worlds = (0..<UInt64.random(in: 2...8, using: &random)).map { index in
      var faults = HostileWorldTests.faults(&random)
      (faults.ledgerLoss, faults.lostShare) = (seed.isMultiple(of: 3) ? 0.3 : 0, 0.3)
      var own = limits
      own.share = random.chance(0.2) ? Double.random(in: 0.4...0.9, using: &random) : 1
      return SimulationTests.world(
        seed: seed &* 8 &+ index, faults: faults, troubles: Trouble.allCases, most: 60, limits: own)
    }
    let texts = worlds.flatMap(\.tables).flatMap(\.rows.values).compactMap(\.text)
    let cost = Double(Metering().real(texts)) / 1_000_000
    return SimulatedFleet(
      worlds: worlds, limits: limits,
      budget: hasBudget ? Job.Budget(usd: cost * Double.random(in: 0.2...3, using: &random)) : nil,
      faults: SimulatedFleet.Faults(
        kill: 0.002, stand: 0.002, lostAnswer: 0.03, slowWrite: 0.02, copiedLedgers: seed % 4 == 1),
      seed: seed)
  }

  private static func expectHonest(_ fleet: SimulatedFleet, _ seed: UInt64) {
    let (most, limits) = (fleet.most, fleet.limits)
    #expect(most.requests <= limits.requestsPerMinute ?? 0, "seed \(seed)")
    #expect(most.tokens <= limits.tokensPerMinute ?? 0, "seed \(seed)")
    if let budget = fleet.budget { #expect(fleet.billed <= budget.usd * (1 + 1e-9), "seed \(seed)") }
    for (index, member) in fleet.members.enumerated() {
      let world = member.world
      #expect(world.violations == [], "seed \(seed), job \(index)")
      #expect(member.ending != nil, "seed \(seed), job \(index)")
      #expect(world.paidTwice == [], "seed \(seed), job \(index)")
      #expect(world.mostInFlight <= world.job.concurrency, "seed \(seed), job \(index)")
      #expect(world.ledger.possiblyPaid >= world.billedWithoutReply, "seed \(seed), job \(index)")
    }
  }

  /// It has the money for a request but for what sums of dollars may differ by.
  @Test func `a job keeps the money of a request that it sends while it asks for more`() {
    var fleet = Self.fleet(seed: 30)
    fleet.run()
    Self.expectHonest(fleet, 30)
  }

  @Test func `jobs that share pass neither the limit nor the budget, whatever is killed, stands still or is lost`() {
    var (kills, stands, lostAnswers, lateWrites, overtaken, lapses) = (0, 0, 0, 0, 0, 0)
    var (conductors, claims, requests, spent, lostLedgers) = (0, 0, 0, 0, 0)
    var closest = 0.0
    for seed in Self.seeds {
      var fleet = Self.fleet(seed: seed)
      fleet.run()
      Self.expectHonest(fleet, seed)
      let (most, limits) = (fleet.most, fleet.limits)
      for member in fleet.members {
        let world = member.world
        if member.ending?.exitCode == .budget { spent += 1 }
        requests += world.requests
        lapses += world.lapses
        lostLedgers += world.lostLedgers
      }
      conductors += fleet.members.count
      claims += fleet.claims
      (kills, stands, lostAnswers) = (kills + fleet.kills, stands + fleet.stands, lostAnswers + fleet.lostAnswers)
      (lateWrites, overtaken) = (lateWrites + fleet.lateWrites, overtaken + fleet.allowance.overtaken)
      closest = max(
        closest, Double(most.requests) / Double(limits.requestsPerMinute ?? 1),
        Double(most.tokens) / Double(limits.tokensPerMinute ?? 1))
    }
    print(
      "figure: \(Self.seeds.count) allowances shared by \(conductors) jobs: \(requests) requests, \(claims) claims, "
        + "\(overtaken) overtaken, \(kills) kills, \(stands) pauses, \(lapses) requests of a lapsed slice, "
        + "\(lostAnswers) lost answers, \(lateWrites) late claims, \(lostLedgers) lost ledgers, \(spent) jobs out of money, "
        + "at most \((closest * 1000).rounded() / 10) % of a limit")
    guard Self.seeds.count >= 30 else { return }
    // The faults that this claims to survive have really happened.
    for (fault, count) in [
      ("kills", kills), ("pauses", stands), ("lost answers", lostAnswers), ("late claims", lateWrites),
      ("overtaken claims", overtaken), ("lapsed requests", lapses), ("lost ledgers", lostLedgers),
      ("jobs out of money", spent),
    ] { #expect(count > 10, "\(fault)") }
    // A limit that binds nobody proves nothing.
    #expect(closest > 0.9)
  }
}
