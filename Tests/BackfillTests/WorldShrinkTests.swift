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

  /// What it takes to make a world beside its seed.
  private struct Case {
    var faults: SimulatedWorld.Faults
    var troubles = Trouble.allCases
    var most = 60
  }

  /// What is wrong with the world; nil where nothing is.
  private static func complaint(_ seed: UInt64, _ chosen: Case) -> String? {
    // The troubles are drawn from a list, which must not be empty.
    let (world, isComplete) = HostileWorldTests.outcome(
      SimulationTests.world(
        seed: seed, faults: chosen.faults, troubles: chosen.troubles.isEmpty ? [.unheardOf] : chosen.troubles,
        most: chosen.most))
    if let violation = world.violations.first { return violation }
    if !isComplete { return "no run of \(world.runs) is complete" }
    if let key = world.paidTwice.first { return "row \(key) was paid twice" }
    return world.ledger.possiblyPaid < world.billedWithoutReply ? "more was billed than is counted" : nil
  }

  @Test(.enabled(if: isAsked)) func `a world that fails still fails with fewer faults and rows`() throws {
    let seed = HostileWorldTests.seeds.lowerBound
    var smallest = Case(faults: HostileWorldTests.faults(of: seed, losesLedgers: !seed.isMultiple(of: 3)))
    var said = try #require(Self.complaint(seed, smallest), "seed \(seed) does not fail")
    func shrink(_ change: (inout Case) -> Void) {
      var smaller = smallest
      change(&smaller)
      guard let complaint = Self.complaint(seed, smaller) else { return }
      (smallest, said) = (smaller, complaint)
    }
    for fault in Self.faults where smallest.faults[keyPath: fault.path] > 0 {
      shrink { $0.faults[keyPath: fault.path] = 0 }
    }
    for trouble in Trouble.allCases { shrink { $0.troubles.removeAll { $0 == trouble } } }
    for most in [2, 4, 8, 15, 30] where most < smallest.most && smallest.most == 60 { shrink { $0.most = most } }
    let needed = Self.faults.filter { smallest.faults[keyPath: $0.path] > 0 }.map(\.name)
    print(
      "figure: seed \(seed) with up to \(smallest.most) rows a table fails: \(said)\n"
        + "figure: it needs \(needed.isEmpty ? "no faults" : needed.joined(separator: ", ")); texts: "
        + smallest.troubles.map(\.rawValue).joined(separator: ", "))
  }
}
