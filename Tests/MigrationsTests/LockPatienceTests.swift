import Backfill
import Foundation
import Migrations
import Postgres
import TestSupport
import Testing

@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct LockPatienceTests {
  static var shortPatience: LockPatience {
    var patience = LockPatience()
    patience.attempts = 3
    patience.firstWait = .milliseconds(50)
    return patience
  }

  @Test func `waits grow, are jittered and end`() {
    let patience = LockPatience()
    #expect(patience.wait(after: 1, chance: 0) == .milliseconds(100))
    #expect(patience.wait(after: 1, chance: 1) == .milliseconds(200))
    #expect(patience.wait(after: 4, chance: 1) == .milliseconds(1600))
    #expect(patience.wait(after: 14, chance: 1) == .seconds(15))
    #expect(patience.wait(after: 15, chance: 1) == nil)
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `a lock that stays taken ends it, and its holder is named with its query and age but no value`(
    _ major: PostgresCluster.Major
  ) async throws {
    let fixture = try await Fixture(major, .beforeVectors)
    let hold = try Hold(
      "SELECT count(*) FROM chat_messages WHERE content = 'private words'", on: fixture.database.url)
    let failure = await #expect(throws: Failure.self) {
      try await fixture.migrating(patience: Self.shortPatience) { _ = try await $0.up() }
    }
    #expect(failure?.exitCode == .unavailable)
    let message = failure?.description ?? ""
    #expect(message.contains("not free in 3 attempts"))
    #expect(message.contains("select count (*) from chat_messages where content = ?"), "\(message)")
    #expect(message.contains("idle in transaction, transaction "))
    #expect(!message.contains("private words"))
    #expect(try await fixture.states() == [])
    hold.release()
    let applied = try await fixture.migrating { try await $0.up() }
    #expect(applied.count == 7)
  }

  @Test func `a lock that is freed meanwhile is waited for`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let hold = try Hold("LOCK TABLE standalone_chat_messages", on: fixture.database.url)
    let releasing = Task {
      while !fixture.lines.contain("waits for a lock") { await Task.yield() }
      hold.release()
    }
    let applied = try await fixture.migrating { try await $0.up() }
    #expect(applied.count == 7)
    await releasing.value
    #expect(fixture.lines.contain("waits for a lock"))
  }

  @Test func `a concurrent build names the transactions that it waits for`() async throws {
    let fixture = try await Fixture(.eighteen, .original)
    let hold = try Hold("SELECT count(*) FROM users; SELECT pg_sleep(6)", on: fixture.database.url)
    let releasing = Task {
      while !fixture.lines.contain("waits for the transactions of") { await Task.yield() }
      hold.release()
    }
    let applied = try await fixture.migrating { try await $0.up() }
    #expect(applied.count == 7)
    await releasing.value
  }

  @Test func `of two that migrate one waits, and leaves politely when it has waited long enough`() async throws {
    let fixture = try await Fixture(.eighteen, .beforeVectors)
    let hold = try Hold("SELECT pg_advisory_lock(\(0x7665_6366_696C_6C4D))", on: fixture.database.url)
    let failure = await #expect(throws: Failure.self) {
      try await fixture.migrating(lockWait: .milliseconds(300)) { _ = try await $0.up() }
    }
    #expect(failure?.exitCode == .locked)
    hold.release()
    let applied = try await fixture.migrating { try await $0.up() }
    #expect(applied.count == 7)
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `eight processes at once apply each migration once`(_ major: PostgresCluster.Major) async throws {
    let fixture = try await Fixture(major, .filled)
    let exits = try await withThrowingTaskGroup(of: VecfillProcess.Exit.self) { group in
      for _ in 0..<8 {
        group.addTask {
          try await VecfillProcess.run(
            ["migrate", "up", "--migrations", Fixture.shipped], environment: ["DATABASE_URL": fixture.database.url])
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(exits.map(\.code) == Array(repeating: 0, count: 8), "\(exits.map(\.errors))")
    #expect(exits.count { $0.output.contains("applied 7 migrations") } == 1)
    #expect(exits.count { $0.output.contains("nothing to apply") } == 7)
    let runs = try await fixture.database.run(
      "SELECT version, count(*) FROM vecfill_migration_history GROUP BY 1 ORDER BY 1")
    #expect(runs == (1...7).map { ["\($0)", "1"] })
  }
}
