import Backfill
import MessageStores
import Postgres
import TestSupport
import Testing

/// A call whose task is cancelled ends at once, whatever it waits for, and leaves nothing behind.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresCancellationTests {
  enum Call: CaseIterable {
    case page, lastKey, count, inspect, write, nearest

    func run(_ store: any MessageStore, _ source: Source) async throws {
      switch self {
      case .page: _ = try await store.page(of: source, PageRequest(limit: 9))
      case .lastKey: _ = try await store.lastKey(of: source)
      case .count: _ = try await store.countRemaining(in: source)
      case .inspect: _ = try await store.inspect(source, dimensions: 3)
      case .write: _ = try await store.write(PostgresOddRowTests.rows, to: source)
      case .nearest: _ = try await store.nearest(to: [1, 2, 3], in: source, limit: 1)
      }
    }
  }

  /// Cancels `task` and returns how long it took to end.
  static func cancel(_ task: Task<Void, any Error>) async -> Duration {
    let started = ContinuousClock.now
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    return ContinuousClock.now - started
  }

  @Test(arguments: Call.allCases)
  func `a call that waits for a lock ends when it is cancelled`(_ call: Call) async throws {
    let fixture = try await PostgresOddRowTests.fixture("SELECT 1")
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60))
    // Known by now: only the call itself waits.
    if call != .inspect { _ = try await store.inspect(fixture.source, dimensions: 3) }
    let hold = try Hold("LOCK TABLE messages", on: fixture.url)
    let task = Task { [source = fixture.source] in try await call.run(store, source) }
    try await PostgresFaultTests.await("1", from: PostgresFaultTests.waiters, on: fixture)
    // The store itself would wait for a minute.
    #expect(await Self.cancel(task) < .seconds(20))
    try await PostgresFaultTests.await("0", from: PostgresFaultTests.waiters, on: fixture)
    hold.release()
    #expect(try await fixture.vectors().isEmpty)
    #expect(try await store.page(of: fixture.source, PageRequest(limit: 9)).messages.count == 4)
    await store.close()
  }

  @Test(arguments: Call.allCases)
  func `a call whose server falls silent ends when it is cancelled`(_ call: Call) async throws {
    let fixture = try await PostgresOddRowTests.fixture("SELECT 1")
    let cluster = try await PostgresCluster.shared(.eighteen)
    let proxy = try PostgresProxy(to: cluster.port)
    defer { proxy.close() }
    let store = try await DatabaseURL(fixture.url.replacing(":\(cluster.port)/", with: ":\(proxy.port)/"))
      .openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(fixture.source, dimensions: 3)
    _ = try await store.write([EmbeddedRow(9, "none", [1, 2, 3])], to: fixture.source)
    _ = try await store.countRemaining(in: fixture.source)
    // Nothing that the server says comes through, not even to a request to cancel.
    proxy.withholdReplies()
    let own = "pg_stat_activity WHERE application_name = 'vecfill tests' AND datname = current_database()"
    let before = try #require(try await fixture.run("SELECT max(query_start) FROM \(own)")[0][0])
    let task = Task { [source = fixture.source] in try await call.run(store, source) }
    try await PostgresFaultTests.await("t", from: "SELECT max(query_start) > '\(before)' FROM \(own)", on: fixture)
    // The server says nothing more, ever.
    #expect(await Self.cancel(task) < .seconds(30))
    await store.close()
  }

  @Test func `a call that waits for the server to come back ends when it is cancelled`() async throws {
    let fixture = try await PostgresOddRowTests.fixture("SELECT 1")
    let cluster = try await PostgresCluster.shared(.eighteen)
    let proxy = try PostgresProxy(to: cluster.port)
    let store = try await DatabaseURL(fixture.url.replacing(":\(cluster.port)/", with: ":\(proxy.port)/"))
      .openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(fixture.source, dimensions: 3)
    proxy.close()
    for call in Call.allCases {
      let task = Task { [source = fixture.source] in try await call.run(store, source) }
      // The store's patience is 40 s.
      #expect(await Self.cancel(task) < .seconds(20))
    }
    await store.close()
  }

  @Test func `connecting to a host that never answers ends when it is cancelled`() async throws {
    let listener = try SilentListener()
    let task = Task {
      _ = try await DatabaseURL("postgresql://postgres@127.0.0.1:\(listener.port)/x")
        .openMessageStore(applicationName: "vecfill tests")
    }
    // A connection is tried for 10 s.
    #expect(await Self.cancel(task) < .seconds(8))
    withExtendedLifetime(listener) {}
  }
}
