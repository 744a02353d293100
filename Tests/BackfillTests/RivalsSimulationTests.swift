import Backfill
import TestSupport
import Testing

/// A column whose lock changes hands while the first holder stands still, in the worlds of `HostileWorldTests`. A failure
/// names its seed.
@Suite struct RivalsSimulationTests {
  static let seeds: ClosedRange<UInt64> =
    HostileWorldTests.isChosen ? HostileWorldTests.seeds : 0...199

  @Test func `a holder that wakes after another has taken over spoils no row, and neither pays twice for what it has`()
  {
    var (lateSteps, lateWrites, crashes) = (0, 0, 0)
    for seed in Self.seeds {
      let faults = HostileWorldTests.faults(of: seed, losesLedgers: false)
      var rivals = SimulatedRivals(
        SimulationTests.world(seed: seed, faults: faults, troubles: Trouble.allCases, most: 60), seed: seed)
      rivals.run()
      #expect(rivals.isComplete, "seed \(seed)")
      for world in [rivals.first, rivals.second] {
        #expect(world.violations == [], "seed \(seed)")
        #expect(world.paidTwice == [], "seed \(seed)")
        #expect(world.ledger.possiblyPaid >= world.billedWithoutReply, "seed \(seed)")
        crashes += world.crashes
      }
      lateSteps += rivals.lateSteps
      lateWrites += rivals.lateWrites
    }
    print(
      "figure: \(Self.seeds.count) columns with two holders: \(lateSteps) steps and \(lateWrites) rows of the one that woke, "
        + "\(crashes) kills")
    guard Self.seeds.count >= 200 else { return }
    #expect(lateSteps > 1_000)
    #expect(lateWrites > 100)
    #expect(crashes > 20)
  }
}
