import Backfill
import Foundation
import TestSupport
import Testing

/// Whole jobs in batch mode, with everything that goes wrong with a provider's batches, and a stop at any of its calls.
@Suite struct BatchSimulationTests {
  @Test(arguments: 0..<4)
  func `each row is paid once and gets its vector, whatever is lost or stopped`(part: Int) async throws {
    var happened: [String: Int] = [:]
    for number in 25 * part..<25 * (part + 1) {
      let book = try await Self.play(number)
      happened.merge(book.happened) { $0 + $1 }
      happened["stops", default: 0] += book.stops
    }
    for fault in ["lost", "deaf", "late", "cut", "expired", "cancelled", "failed", "allFailed", "nothing", "stops"] {
      #expect(happened[fault] ?? 0 > 0, "\(fault) never happened")
    }
  }

  private static func play(_ number: Int) async throws -> FakeProvider.State {
    var random = SeededGenerator(seed: 4_711 + UInt64(number))
    let rows = Int.random(in: 5...90, using: &random)
    let world = try BatchWorld(
      (0..<rows).map {
        "\(Int.random(in: 0..<40, using: &random) == 0 ? "poison" : "message") \($0) of case \(number)"
      },
      FakeProvider(
        BatchFileLimits(
          bytes: Int.random(in: 600...4_000, using: &random), inputs: Int.random(in: 5...60, using: &random), lines: 6))
    )
    let tokens = world.table.rows.values.reduce(0) { $0 + FakeProvider.tokens($1.text) }
    let budget = Double(tokens) * Double.random(in: 0.3...1.5, using: &random)
    world.job.budget = Job.Budget(usd: budget)
    if random.chance(0.3) { world.terms.enqueuedTokens = Int.random(in: tokens / 4 + 1...tokens + 1, using: &random) }
    let faults = Self.faults(tokens, &random)
    world.provider.change { $0 = faults }
    var edited = 0
    for _ in 0..<120 {
      // Before the budget is raised nothing above it is billed.
      if random.chance(0.35) {
        let calls = world.provider.book.calls
        let stop = (call: calls + Int.random(in: 1...25, using: &random), isAfter: random.chance(0.5))
        world.provider.state.withLock { $0.stop = stop }
      }
      let inBatches = random.chance(0.85)
      let run = try await world.run(batches: inBatches)
      let spent = world.provider.book.dollars
      #expect(spent <= (world.job.budget?.usd ?? 0) + 1e-9, "seed \(4_711 + number)")
      if case .failed(let failure) = run.ending, failure.exitCode == .budget {
        world.job.budget?.usd += Double(tokens)
      }
      // A run by requests leaves a batch with the provider whose rows were all edited: its answers are of no use.
      if run.ending == .complete, inBatches { break }
      world.later(Double.random(in: 60...900, using: &random))
      if edited < 3, random.chance(0.1),
        let key = world.table.rows.keys.sorted(by: { "\($0)" < "\($1)" }).randomElement(using: &random)
      {
        edited += 1
        world.table.edit(key, to: "message edited \(edited) of case \(number)")
      }
    }
    #expect(world.wrong == [], "seed \(4_711 + number)")
    #expect(world.paidTwice == [], "seed \(4_711 + number)")
    #expect(world.filesLeft == [], "seed \(4_711 + number)")
    let open = try await world.open
    #expect(open.isEmpty, "seed \(4_711 + number)")
    return world.provider.book
  }

  private static func faults(_ tokens: Int, _ random: inout SeededGenerator) -> FakeProvider.Faults {
    var faults = FakeProvider.Faults()
    if random.chance(0.4) { faults.lostSubmits = Int.random(in: 1...3, using: &random) }
    if random.chance(0.3) { faults.deafSubmits = 1 }
    // Never as late as that it would be given up.
    if random.chance(0.4) { faults.lateLooks = Int.random(in: 1...2, using: &random) }
    if random.chance(0.6) {
      faults.endings = (0..<Int.random(in: 1...4, using: &random)).map { _ in
        FakeProvider.Ending.allCases.randomElement(using: &random) ?? .completed
      }
      faults.endings.append(.completed)
    }
    if random.chance(0.3) { faults.mostTokens = Int.random(in: tokens / 3 + 30...tokens + 30, using: &random) }
    if random.chance(0.3) { faults.cuts = 2 }
    faults.sendsTwice = random.chance(0.2)
    faults.sendsForeign = random.chance(0.2)
    return faults
  }

  /// The calls of a job without faults, one by one: its run is stopped before or after each of them.
  @Test(arguments: [false, true])
  func `a stop at any call of the API pays nothing twice and leaves no file`(isAfter: Bool) async throws {
    let texts = (0..<60).map { $0 == 17 ? "poison 17" : "message \($0)" }
    let limits = BatchFileLimits(bytes: 1 << 20, inputs: 30, lines: 10)
    let plain = try BatchWorld(texts, FakeProvider(limits))
    _ = try await plain.runs()
    let calls = plain.provider.book.calls
    #expect(calls > 10)
    for call in 1...calls {
      let world = try BatchWorld(texts, FakeProvider(limits))
      world.provider.state.withLock { $0.stop = (call, isAfter) }
      let runs = try await world.runs()
      #expect(world.provider.book.stops == 1, "call \(call)")
      #expect(runs.last?.ending == .complete, "call \(call)")
      #expect(world.wrong == [], "call \(call)")
      #expect(world.paidTwice == [], "call \(call)")
      #expect(world.filesLeft == [], "call \(call)")
    }
  }
}
