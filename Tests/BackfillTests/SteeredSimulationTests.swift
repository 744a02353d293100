import Backfill
import TestSupport
import Testing

/// Whole runs that are held, bounded and adjusted at any step; a failure names the seed that brings it back.
@Suite struct SteeredSimulationTests {
  static let faults = SimulatedWorld.Faults(
    transient: 0.05, processedThoughFailed: 0.03, rateLimited: 0.03, crash: 0.004, stop: 0.002, lock: 0.01,
    writeFailure: 0.005, hold: 0.03, adjustment: 0.03, bounds: 0.6)

  @Test func `a run that is held begins nothing, no bound is passed, and in the end every row is right`() {
    var (holds, adjustments, full, spent, runs) = (0, 0, 0, 0, 0)
    for seed in UInt64(0)..<400 {
      var world = SimulationTests.world(seed: seed, faults: Self.faults, most: 120)
      var ending: Ending?
      while ending?.exitCode != .complete, world.runs < 2_000, world.violations.isEmpty { ending = world.run() }
      #expect(ending?.exitCode == .complete, "seed \(seed)")
      #expect(world.violations == [], "seed \(seed)")
      #expect(world.paidTwice.isEmpty, "seed \(seed)")
      #expect(world.ledger.possiblyPaid >= world.billedWithoutReply, "seed \(seed)")
      holds += world.steered.holds
      adjustments += world.steered.adjustments
      full += world.steered.full
      spent += world.steered.spent
      runs += Int(world.runs)
    }
    print(
      "figure: \(runs) runs, \(holds) holds, \(adjustments) adjustments, \(full) ended by rows, \(spent) by requests")
    for (what, count) in [("holds", holds), ("adjustments", adjustments), ("full", full), ("spent", spent)] {
      #expect(count > 100, "\(what)")
    }
  }

  @Test func `texts in pieces and texts that are paid once keep to the bounds too`() {
    var full = 0
    for seed in UInt64(0)..<120 {
      var faults = Self.faults
      faults.bounds = 1
      var world = SimulationTests.world(
        seed: seed, faults: faults, most: 60, cutting: seed.isMultiple(of: 3) ? PiecesSimulationTests.cutting : nil)
      var ending: Ending?
      while ending?.exitCode != .complete, world.runs < 2_000, world.violations.isEmpty { ending = world.run() }
      #expect(ending?.exitCode == .complete, "seed \(seed)")
      #expect(world.violations == [], "seed \(seed)")
      #expect(world.paidTwice.isEmpty, "seed \(seed)")
      full += world.steered.full
    }
    #expect(full > 40)
  }
}
