import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// What other transactions, the network and the server do to a PostgreSQL store while it works.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresFaultTests {
  /// A table of three rows, and a connection of the application's that works against the store.
  static func prepare() async throws -> (StoreFixture, application: PostgresConnection) {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one", 2: "two", 3: "three"])
    return (
      fixture, try await PostgresConnection.connect(to: DatabaseURL(fixture.url), applicationName: "application")
    )
  }

  static let rows = [
    EmbeddedRow(1, "one", [1, 0, 0]), EmbeddedRow(2, "two", [2, 0, 0]), EmbeddedRow(3, "three", [3, 0, 0]),
  ]

  /// Waits until a query's value is `expected`: the proof that a fault is there.
  static func await(_ expected: String, from query: String, on fixture: StoreFixture) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await fixture.run(query).first?.first != expected {
      try #require(ContinuousClock.now < deadline, "never \(expected): \(query)")
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  static let waiters = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'vecfill tests' AND wait_event_type = 'Lock' AND datname = current_database()
    """

  @Test func `a row that is locked for a moment is waited for, and its edit is seen`() async throws {
    let (fixture, application) = try await Self.prepare()
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60))
    try await application.execute("BEGIN; UPDATE messages SET content = 'two, edited' WHERE id = 2")
    let write = Task { try await store.write(Self.rows, to: fixture.source).written }
    try await Self.await("1", from: Self.waiters, on: fixture)
    try await application.execute("COMMIT")
    #expect(try await write.value == [1, 3])
    #expect(try await fixture.vectors() == ["1": [1, 0, 0], "3": [3, 0, 0]])
    await store.close()
  }

  @Test func `the victim of a deadlock tries again`() async throws {
    let (fixture, application) = try await Self.prepare()
    // A session looks once, so long after its wait began: the application must be waiting by then.
    try await fixture.run(
      "ALTER DATABASE \(try #require(fixture.url.split(separator: "/").last)) SET deadlock_timeout = '5s'")
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60))
    // Only the store's own check finds the deadlock, so that it is the victim.
    try await application.execute("SET deadlock_timeout = '10min'; BEGIN; UPDATE messages SET role = 'x' WHERE id = 2")
    let write = Task { try await store.write(Self.rows, to: fixture.source).written }
    try await Self.await("1", from: Self.waiters, on: fixture)
    try await application.execute("UPDATE messages SET role = 'x' WHERE id = 1; COMMIT")
    #expect(try await write.value == [1, 2, 3])
    // A session tells of its deadlocks when it ends.
    await store.close()
    try await Self.await(
      "t", from: "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()", on: fixture)
  }

  @Test func `a serialisation failure is tried again`() async throws {
    let (fixture, application) = try await Self.prepare()
    try await fixture.run(
      "ALTER ROLE postgres IN DATABASE \(try #require(fixture.url.split(separator: "/").last)) "
        + "SET default_transaction_isolation = 'repeatable read'")
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60))
    try await application.execute("BEGIN; UPDATE messages SET content = 'two, edited' WHERE id = 2")
    let write = Task { try await store.write(Self.rows, to: fixture.source).written }
    try await Self.await("1", from: Self.waiters, on: fixture)
    try await application.execute("COMMIT")
    #expect(try await write.value == [1, 3])
    await store.close()
  }

  @Test func `a write that is cancelled while it waits ends on the server and leaves nothing`() async throws {
    let (fixture, application) = try await Self.prepare()
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60))
    try await application.execute("BEGIN; SELECT FROM messages WHERE id = 2 FOR UPDATE")
    let write = Task { try await store.write(Self.rows, to: fixture.source).written }
    try await Self.await("1", from: Self.waiters, on: fixture)
    write.cancel()
    await #expect(throws: CancellationError.self) { try await write.value }
    try await Self.await("0", from: Self.waiters, on: fixture)
    try await application.execute("COMMIT")
    #expect(try await fixture.vectors().isEmpty)
    #expect(try await store.write(Self.rows, to: fixture.source).written == [1, 2, 3])
    await store.close()
  }

  @Test func `connections that the server ended are made anew, also in the middle of a write`() async throws {
    let (fixture, application) = try await Self.prepare()
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60))
    #expect(try await store.page(of: fixture.source, after: nil, limit: 1).count == 1)
    let terminate = """
      SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = 'vecfill tests'
        AND datname = current_database()
      """
    #expect(try await fixture.run(terminate) == [["1"]])
    #expect(try await store.page(of: fixture.source, after: nil, limit: 9).count == 3)

    try await application.execute("BEGIN; SELECT FROM messages WHERE id = 2 FOR UPDATE")
    let write = Task { try await store.write(Self.rows, to: fixture.source).written }
    try await Self.await("1", from: Self.waiters, on: fixture)
    #expect(try await fixture.run(terminate) == [["2"]])
    try await application.execute("COMMIT")
    #expect(try await write.value == [1, 2, 3])
    await store.close()
  }

  @Test func `a write whose reply is lost is repeated, and counts what it had done`() async throws {
    let (fixture, _) = try await Self.prepare()
    let cluster = try await PostgresCluster.shared(.eighteen)
    let proxy = try PostgresProxy(to: cluster.port)
    defer { proxy.close() }
    let url = try DatabaseURL(fixture.url.replacing(":\(cluster.port)/", with: ":\(proxy.port)/"))
    let store = try await url.openMessageStore(applicationName: "vecfill tests")
    try await fixture.fill(3, with: [9, 9, 9])
    // The first write opens the connection; only what follows is withheld.
    #expect(try await store.write([Self.rows[2]], to: fixture.source).written == [])
    proxy.withholdReplies()
    let write = Task { try await store.write(Self.rows, to: fixture.source).written }
    try await Self.await("3", from: "SELECT count(embedding) FROM messages", on: fixture)
    proxy.cut()
    #expect(try await write.value == [1, 2])
    #expect(try await fixture.vectors() == ["1": [1, 0, 0], "2": [2, 0, 0], "3": [9, 9, 9]])
    await store.close()
  }

  @Test(arguments: PostgresCluster.Major.allCases)
  func `a crash of the server is survived, lock included`(_ major: PostgresCluster.Major) async throws {
    let cluster = try await PostgresCluster(major)
    let database = try await cluster.freshDatabase()
    try await database.run(
      """
      CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3));
      INSERT INTO messages VALUES (1, 'one'), (2, 'two')
      """)
    let source = Source(table: "messages")
    let url = try DatabaseURL(database.url)
    let store = try await url.openMessageStore(applicationName: "vecfill tests")
    try await store.claim(source)
    #expect(try await store.write([Self.rows[0]], to: source).written == [1])

    try await cluster.crash()
    let impatient = try await Self.failureOfWriting(url, source, during: cluster)
    #expect(impatient?.exitCode == .unavailable)
    let page = Task { try await store.page(of: source, after: nil, limit: 9) }
    let write = Task { try await store.write([Self.rows[1]], to: source).written }
    try await cluster.start()
    #expect(try await write.value == [2])
    #expect(try await page.value.count <= 1)
    #expect(try await database.value("SELECT count(embedding) FROM messages") == "2")
    #expect(try await database.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "1")
    await store.close()
  }

  /// What a store that can't connect says.
  private static func failureOfWriting(
    _ url: DatabaseURL, _ source: Source, during cluster: PostgresCluster
  ) async throws -> Failure? {
    do {
      _ = try await url.openMessageStore(applicationName: "vecfill tests")
      return nil
    } catch let failure as Failure {
      return failure
    }
  }

  @Test func `a server that is gone for good is told by its address, without the password`() async throws {
    let (fixture, _) = try await Self.prepare()
    let proxy = try PostgresProxy(to: try await PostgresCluster.shared(.eighteen).port)
    let port = proxy.port
    let url = try DatabaseURL(
      "postgresql://postgres:secret@127.0.0.1:\(port)/\(fixture.url.split(separator: "/").last!)")
    let store = try await PostgresMessageStore(
      url: url, applicationName: "vecfill tests", patience: PostgresPatience(conflicts: 0, losses: 2))
    proxy.close()
    let failure = await #expect(throws: Failure.self) { try await store.countRemaining(in: fixture.source) }
    #expect(failure?.exitCode == .unavailable)
    #expect(failure?.subject.contains("postgres@127.0.0.1:\(port)/") == true)
    #expect(failure?.description.contains("secret") == false)
    await store.close()
  }
}
