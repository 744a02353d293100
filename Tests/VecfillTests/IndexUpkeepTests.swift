import Backfill
import Configuration
import Migrations
import TestSupport
import Testing

@testable import vecfill

/// When a run looks after its indexes, and what becomes of them when it ends.
@Suite struct IndexUpkeepTests {
  @Test(arguments: [
    (Ending.complete, IndexEnding.finish), (.quarantined(rows: 3), .finish),
    (.failed(Failure(.denied, "openai", "the key was refused")), .putBack),
    (.failed(Failure(.configuration, "openai", "no such model")), .putBack),
    (.failed(Failure(.budget, "openai", "no credit is left")), .putBack),
    (.failed(Failure(.budget, Conductor.budgetSubject, "the budget is spent")), .leave),
    (.failed(Failure(.unavailable, "openai", "it is away")), .leave),
    (.failed(Failure(.localIO, "ledger", "the disk is full")), .leave),
    (.stopped(.terminate), .leave), (.stopped(.interrupt), .leave),
  ])
  func `an ending that no rerun mends puts the indexes back`(_ ending: Ending, _ indexes: IndexEnding) {
    #expect(IndexEnding(ending) == indexes)
  }

  /// An upkeep of a database that nobody listens for.
  static func upkeep(_ policy: IndexPolicy, mayBeAway: Bool, _ lines: Locked<[String]>) throws -> IndexUpkeep {
    let job = Job(
      name: "j", sources: [Source(table: "m")], model: Model(name: "m", dimensions: 1536), indexPolicy: policy)
    let configuration = try JobConfiguration(
      process: ProcessContext(
        environment: ["DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"],
        workingDirectory: "/"))
    let narrator = Narrator(
      tell: { _ in }, warn: { line in lines.withLock { $0.append(line) } }, show: { _ in })
    return try IndexUpkeep(job, configuration, narrator, mayBeAway: mayBeAway)
  }

  @Test func `with keep and no index away nothing is connected to`() async throws {
    let upkeep = try Self.upkeep(.keep, mayBeAway: false, Locked([]))
    try await upkeep.check()
    #expect(try await upkeep.begin() == [])
    #expect(try await upkeep.finish() == [])
    #expect(try await upkeep.putBack() == [])
    #expect(try await upkeep.away() == [])
  }

  @Test(arguments: [(IndexPolicy.keep, true), (.rebuild, false), (.after, false)])
  func `where an index may be away or is to be dropped or built it is connected to`(
    _ policy: IndexPolicy, _ mayBeAway: Bool
  ) async throws {
    let upkeep = try Self.upkeep(policy, mayBeAway: mayBeAway, Locked([]))
    let failure = await #expect(throws: Failure.self) { try await upkeep.finish() }
    #expect(failure?.exitCode == .unavailable)
  }

  @Test(arguments: [
    (IndexPolicy.keep, 20_000, 20_000, ["a", "b"], 1), (.keep, 20_000, 20_000, [], 0), (.keep, 10, 20_000, ["a"], 0),
    (.keep, 500, 500, ["a"], 0),
    (.keep, 0, 20_000, ["a"], 0), (.rebuild, 20_000, 20_000, ["a"], 0),
  ])
  func `what keeping the indexes costs is told without asking the database`(
    _ policy: IndexPolicy, _ missing: Int, _ total: Int, _ indexes: [String], _ warnings: Int
  ) throws {
    let lines = Locked<[String]>([])
    let upkeep = try Self.upkeep(policy, mayBeAway: false, lines)
    upkeep.adviseOnKept(Source(table: "m"), missing: missing, total: total, indexes: indexes)
    let told = lines.withLock { $0 }
    #expect(told.count == warnings)
    #expect(
      told.allSatisfy {
        $0 == "m: writing 20,000 rows takes some 4 min with a, b kept and 57 s with them rebuilt; "
          + "`index: {when: rebuild}` in the job does that"
      }, "\(told)")
  }
}
