import Backfill
import Foundation
import Migrations
import TestSupport
import Testing

/// Struck at every statement, a migration run again ends where an undisturbed one does.
///
/// VECFILL_KILL_STRIDE=1 strikes at each; the default of 9 keeps the suite short.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct KilledMigrationTests {
  static let stride = ProcessInfo.processInfo.environment["VECFILL_KILL_STRIDE"].flatMap(Int.init) ?? 9

  enum Way: String, CaseIterable {
    case up, down

    var arguments: [String] {
      switch self {
      case .up: ["migrate", "up"]
      case .down: ["migrate", "down", "--to", "0", "--yes"]
      }
    }

    func run(_ migrator: Migrator) async throws {
      switch self {
      case .up: _ = try await migrator.up()
      case .down: _ = try await migrator.down(to: 0)
      }
    }
  }

  static func url(_ fixture: Fixture, through proxy: StatementProxy) -> String {
    "postgresql://postgres@127.0.0.1:\(proxy.port)/\(fixture.database.name)?sslmode=disable&gssencmode=disable"
  }

  static func fixture(_ major: PostgresCluster.Major, _ way: Way) async throws -> Fixture {
    let fixture = try await Fixture(major, .beforeVectors)
    if way == .down { try await fixture.migrating { _ = try await $0.up() } }
    return fixture
  }

  /// Strikes at every statement in turn; returns how many times it struck.
  static func strikeEach(
    _ major: PostgresCluster.Major, _ way: Way,
    attempt: @Sendable (Fixture, _ statement: Int) async throws -> StatementProxy
  ) async throws -> Int {
    let calm = try await fixture(major, way)
    try await calm.migrating { try await way.run($0) }
    let (catalogue, states) = (try await calm.catalogue(), try await calm.states())
    var statement = 1
    var strikes = 0
    while true {
      let fixture = try await fixture(major, way)
      let proxy = try await attempt(fixture, statement)
      proxy.close()
      guard let struck = proxy.struck else { return strikes }
      strikes += 1
      try await fixture.migrating { migrator in
        try await way.run(migrator)
        #expect(try await migrator.verify() == [], "struck at \(statement): \(struck)")
      }
      #expect(try await fixture.catalogue() == catalogue, "struck at \(statement): \(struck)")
      #expect(try await fixture.states() == states, "struck at \(statement): \(struck)")
      statement += stride
    }
  }

  @Test(arguments: Way.allCases)
  func `a process that is killed at any statement leaves what the next one finishes`(_ way: Way) async throws {
    let kills = Locked(0)
    let strikes = try await Self.strikeEach(.eighteen, way) { fixture, statement in
      let proxy = try StatementProxy(to: fixture.database.port, strikingAt: statement) { kill($0, SIGKILL) }
      let exit = try await VecfillProcess.run(
        way.arguments + ["--migrations", Fixture.shipped],
        environment: ["DATABASE_URL": Self.url(fixture, through: proxy)])
      // A last statement whose answer nobody waits for may be struck when the process has just ended.
      let isKilled = exit.signal == SIGKILL
      #expect(isKilled ? proxy.struck != nil : exit.code == 0, "\(exit.errors)")
      if isKilled { kills.withLock { $0 += 1 } }
      return proxy
    }
    let killed = kills.withLock { $0 }
    print("SIGKILL on the way \(way): \(killed) of \(strikes) kill points")
    #expect(killed > 60 / Self.stride)
    #expect(killed >= strikes - 1)
  }

  @Test(arguments: Way.allCases)
  func `a backend that is terminated at any statement leaves what the next run finishes`(_ way: Way) async throws {
    let strikes = try await Self.strikeEach(.sixteen, way) { fixture, statement in
      let killer =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'vecfill tests%'"
        + " AND datname = '\(fixture.database.name)'"
      let ended = AsyncStream<Void>.makeStream()
      let database = fixture.database
      let proxy = try StatementProxy(to: database.port, strikingAt: statement) { _ in
        Task {
          _ = try? await database.run(killer)
          ended.continuation.finish()
        }
      }
      do {
        try await fixture.migrating(url: Self.url(fixture, through: proxy)) { try await way.run($0) }
      } catch {
        #expect(proxy.struck != nil, "\(error)")
      }
      if proxy.struck != nil { for await _ in ended.stream {} }
      return proxy
    }
    print("pg_terminate_backend on the way \(way): \(strikes) kill points")
    #expect(strikes > 60 / Self.stride)
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `a concurrent build whose process dies in the middle is found invalid and rebuilt`(
    _ major: PostgresCluster.Major
  ) async throws {
    let fixture = try await Fixture(major, .beforeVectors)
    try await fixture.migrating { _ = try await $0.up(Migrator.UpOptions(version: 3)) }
    // A transaction that the build has to wait for once the index is in the catalogue.
    let hold = try Hold("LOCK TABLE chat_messages IN ROW EXCLUSIVE MODE", on: fixture.database.url)
    let process = try VecfillProcess(
      ["migrate", "up", "--migrations", Fixture.shipped], environment: ["DATABASE_URL": fixture.database.url])
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    while try await fixture.database.value(invalid) == "0" { await Task.yield() }
    process.send(SIGKILL)
    #expect(await process.exit().signal == SIGKILL)
    #expect(
      try await fixture.database.run("SELECT version, state FROM vecfill_migration WHERE state <> 'applied'") == [
        ["4", "started"]
      ])
    hold.release()
    try await fixture.migrating { migrator in
      #expect(try await migrator.status().first { $0.version == 4 }?.state == "interrupted")
      _ = try await migrator.up()
      #expect(try await migrator.verify() == [])
    }
    #expect(try await fixture.database.value(invalid) == "0")
  }
}
