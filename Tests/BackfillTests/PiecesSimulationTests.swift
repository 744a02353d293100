import Backfill
import TestSupport
import Testing

/// Whole runs with texts that are cut into pieces, beside a table whose texts are not, in the worlds of
/// `HostileWorldTests`.
@Suite struct PiecesSimulationTests {
  static let cutting = Cutting(tokens: 16, overlap: 2)

  static func hostileWorld(_ seed: UInt64) -> SimulatedWorld {
    SimulationTests.world(
      seed: seed, faults: HostileWorldTests.faults(of: seed, losesLedgers: false), troubles: Trouble.allCases, most: 25,
      cutting: cutting)
  }

  /// Runs until one is complete.
  static func outcome(_ world: SimulatedWorld) -> (world: SimulatedWorld, isComplete: Bool) {
    HostileWorldTests.outcome(world, mostRuns: 300, calm: 50)
  }

  @Test func `a run that is killed at any step puts each row together, and pays for no piece twice`() {
    var crashes = 0
    var requests = 0
    for seed in SimulationTests.seeds {
      var world = SimulationTests.world(
        seed: seed,
        faults: .init(transient: 0.1, processedThoughFailed: 0.05, rateLimited: 0.05, crash: 0.03, stop: 0.005),
        most: 40, cutting: Self.cutting)
      var ending: Ending?
      while ending != .complete, world.runs < 5_000, world.violations.isEmpty { ending = world.run() }
      crashes += world.crashes
      requests += world.requests
      #expect(ending == .complete, "seed \(seed)")
      SimulationTests.expectDone(world)
      // Nothing stays in the ledger that waits for others.
      #expect(world.ledger.spool.isEmpty, "seed \(seed)")
    }
    #expect(crashes > 200)
    #expect(requests > 5_000)
  }

  /// In the first the first one proves nothing. In the second the servers that failed in the same way had never answered.
  @Test(arguments: [239_647, 334_131] as [UInt64])
  func `three failures by chance condemn no text`(seed: UInt64) {
    let (world, isComplete) = Self.outcome(Self.hostileWorld(seed))
    #expect(isComplete)
    #expect(world.violations == [])
  }

  @Test func `no odd text, row, lock, outage, edit or kill stops, loses or mixes anything else`() {
    var total: [Trouble: Int] = [:]
    var crashes = 0
    var disturbances = 0
    var locked = 0
    var digest: UInt64 = 0
    for seed in HostileWorldTests.seeds where seed < 600 || HostileWorldTests.isChosen {
      let (world, isComplete) = Self.outcome(Self.hostileWorld(seed))
      #expect(isComplete, "seed \(seed), \(world.runs) runs")
      #expect(world.violations == [], "seed \(seed)")
      #expect(world.paidTwice == [], "seed \(seed)")
      #expect(world.ledger.possiblyPaid >= world.billedWithoutReply, "seed \(seed)")
      total.merge(world.troubles, uniquingKeysWith: +)
      crashes += world.crashes
      disturbances += world.disturbances
      locked += world.lockedWrites
      digest = digest &* 31 &+ world.digest
    }
    print(
      "figure: as many with pieces, \(crashes) kills, \(locked) held writes, \(disturbances) edits, "
        + "digest \(String(digest, radix: 16))")
    guard HostileWorldTests.seeds.count >= 600 else { return }
    // The faults that this claims to survive have really happened.
    for trouble in Trouble.allCases { #expect(total[trouble, default: 0] > 10, "\(trouble)") }
    for (fault, count) in [("kills", crashes), ("edits", disturbances), ("held writes", locked)] {
      #expect(count > 100, "\(fault)")
    }
  }
}
