import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresLockTests {
  private static func terminate(_ applicationName: String, on fixture: StoreFixture) async throws {
    let ended = try await fixture.run(
      """
      SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND datname = current_database() AND application_name = '\(applicationName)'
      """)
    #expect(ended == [["1"]])
  }

  @Test(arguments: StoreKind.postgres)
  func `a second process is told who holds the lock, until the holder closes`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    let first = try await fixture.open(applicationName: "vecfill db1 pid 4242")
    let second = try await fixture.open(applicationName: "vecfill db2 pid 1")
    try await first.claim(fixture.source)
    try await first.claim(fixture.source)
    var spelled = fixture.source
    spelled.schema = "public"
    for source in [fixture.source, spelled] {
      let failure = await #expect(throws: Failure.self) { try await second.claim(source) }
      #expect(failure?.exitCode == .locked)
      #expect(failure?.subject == source.name)
      #expect(failure?.reason.hasPrefix("vecfill db1 pid 4242 at 127.0.0.1 fills it since 20") == true)
    }
    await first.close()
    // The server may see the end a moment later.
    while (try? await second.claim(fixture.source)) == nil { await Task.yield() }
    await second.close()
  }

  @Test func `two processes of one name are two holders, and a lost connection's lock is one's own`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    // The server keeps 63 bytes of a name: what would tell the two apart is cut off.
    let name = String(repeating: "long-host-name-", count: 6)
    let first = try await fixture.open(applicationName: "\(name) pid 1")
    let second = try await fixture.open(applicationName: "\(name) pid 2")
    try await first.claim(fixture.source)
    let started = ContinuousClock.now
    let failure = await #expect(throws: Failure.self) { try await second.claim(fixture.source) }
    #expect(failure?.exitCode == .locked)
    #expect(ContinuousClock.now - started < .seconds(5))
    await second.close()

    // The network swallows the end of the connection, so that the server holds on to the lock for a while.
    let cluster = try await PostgresCluster.shared(.eighteen)
    let proxy = try PostgresProxy(to: cluster.port)
    defer { proxy.close() }
    await first.close()
    let third = try await DatabaseURL(fixture.url.replacing(":\(cluster.port)/", with: ":\(proxy.port)/"))
      .openMessageStore(applicationName: name)
    while (try? await third.claim(fixture.source)) == nil { await Task.yield() }
    let held =
      "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
      + "WHERE datname = current_database())"
    #expect(try await fixture.run(held) == [["1"]])
    proxy.cut()
    #expect(try await third.page(of: fixture.source, after: nil, limit: 1).isEmpty)
    #expect(try await fixture.run(held) == [["1"]])
    await third.close()
  }

  /// A table and one whose rows are its rows, too.
  static let families = [
    """
    CREATE TABLE whole (id bigint PRIMARY KEY, content text, embedding vector(3)) PARTITION BY RANGE (id);
    CREATE TABLE middle PARTITION OF whole FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
    CREATE TABLE part (gone int, embedding vector(3), id bigint NOT NULL, content text);
    ALTER TABLE part DROP COLUMN gone;
    ALTER TABLE middle ATTACH PARTITION part FOR VALUES FROM (0) TO (50);
    """,
    """
    CREATE TABLE whole (id bigint PRIMARY KEY, content text, embedding vector(3));
    CREATE TABLE part (PRIMARY KEY (id)) INHERITS (whole);
    """,
  ]

  @Test(arguments: families)
  func `a table and its partition, or its heir, are filled by one alone, with one model`(_ family: String) async throws
  {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.run(family)
    let sources = [Source(table: "whole"), Source(table: "part")]
    for (mine, other) in [(sources[0], sources[1]), (sources[1], sources[0])] {
      let first = try await fixture.open(applicationName: "first")
      let second = try await fixture.open(applicationName: "second")
      while (try? await first.claim(mine)) == nil { await Task.yield() }
      let held = await #expect(throws: Failure.self) { try await second.claim(other) }
      #expect(held?.exitCode == .locked)
      #expect(held?.reason.hasPrefix("first at 127.0.0.1 fills it since 20") == true)
      let twice = await #expect(throws: Failure.self) { try await first.claim(other) }
      #expect(twice?.exitCode == .configuration)
      #expect(try await first.record(ColumnRecordContractTests.fingerprint(mine.table), of: mine) == nil)
      await first.close()
      var claim: ColumnClaim?
      while claim == nil { claim = try? await second.claim(other) }
      #expect(claim?.relatives == [mine.table: ColumnRecordContractTests.fingerprint(mine.table)])
      await second.close()
    }
  }

  @Test func `partitions of one name in several schemas are told apart`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.run(
      """
      CREATE TABLE whole (id bigint PRIMARY KEY, content text, embedding vector(3)) PARTITION BY RANGE (id);
      CREATE SCHEMA "Old";
      CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (50);
      CREATE TABLE "Old".part PARTITION OF whole FOR VALUES FROM (50) TO (100);
      """)
    let parts = [Source(table: "part"), Source(schema: "Old", table: "part")]
    let store = try await fixture.open(applicationName: "first")
    for (part, model) in zip(parts, ["a", "b"]) {
      try await store.claim(part)
      _ = try await store.record(ColumnRecordContractTests.fingerprint(model), of: part)
    }
    await store.close()
    let second = try await fixture.open(applicationName: "second")
    var claim: ColumnClaim?
    while claim == nil { claim = try? await second.claim(Source(table: "whole")) }
    #expect(
      claim?.relatives == [
        "part": ColumnRecordContractTests.fingerprint("a"), "\"Old\".part": ColumnRecordContractTests.fingerprint("b"),
      ])
    await second.close()
  }

  @Test func `another column, table or database is another lock`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.run(
      "ALTER TABLE messages ADD other vector(3); CREATE TABLE messages2 (LIKE messages INCLUDING ALL)")
    let first = try await fixture.open(applicationName: "first")
    let second = try await fixture.open(applicationName: "second")
    try await first.claim(fixture.source)
    try await second.claim(Source(table: "messages", vector: "other"))
    try await second.claim(Source(table: "messages2"))
    let elsewhere = try await StoreFixture(.postgres18)
    let third = try await elsewhere.open(applicationName: "third")
    try await third.claim(elsewhere.source)
    for store in [first, second, third] { await store.close() }
  }

  @Test func `a holder that dies frees its lock, and learns of it before it goes on`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one"])
    let first = try await fixture.open(applicationName: "first")
    let second = try await fixture.open(applicationName: "second")
    try await first.claim(fixture.source)
    try await Self.terminate("first", on: fixture)
    try await second.claim(fixture.source)
    for _ in 0..<2 {
      let page = await #expect(throws: Failure.self) { try await first.page(of: fixture.source, after: nil, limit: 1) }
      #expect(page?.exitCode == .locked)
      let write = await #expect(throws: Failure.self) {
        try await first.write([EmbeddedRow(1, "one", [1, 2, 3])], to: fixture.source).written
      }
      #expect(write?.exitCode == .locked)
      #expect(write?.reason.hasPrefix("second at") == true)
    }
    #expect(try await fixture.vectors().isEmpty)
    await first.close()
    await second.close()
  }

  @Test func `a process that is killed leaves no lock behind`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    await #expect(processExitsWith: .signal(SIGKILL)) { [url = fixture.url as String] in
      let source = Source(table: "messages")
      let holder = try await DatabaseURL(url).openMessageStore(applicationName: "holder")
      try await holder.claim(source)
      let other = try await DatabaseURL(url).openMessageStore(applicationName: "other")
      let failure = await #expect(throws: Failure.self) { try await other.claim(source) }
      if failure?.exitCode == .locked { kill(getpid(), SIGKILL) }
    }
    let store = try await fixture.open()
    try await PostgresFaultTests.await(
      "0", from: "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holder'", on: fixture)
    try await store.claim(fixture.source)
    await store.close()
  }

  @Test func `a lock whose connection was lost is taken again`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    let first = try await fixture.open(applicationName: "first")
    let second = try await fixture.open(applicationName: "second")
    try await first.claim(fixture.source)
    try await Self.terminate("first", on: fixture)
    #expect(try await first.page(of: fixture.source, after: nil, limit: 1).isEmpty)
    let failure = await #expect(throws: Failure.self) { try await second.claim(fixture.source) }
    #expect(failure?.exitCode == .locked)
    await first.close()
    await second.close()
  }

  @Test func `a session that may not be idle keeps its lock`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    let name = try #require(fixture.url.split(separator: "/").last)
    try await fixture.run("ALTER ROLE postgres IN DATABASE \(name) SET idle_session_timeout = '100ms'")
    let store = try await fixture.open(applicationName: "first")
    try await store.claim(fixture.source)
    // The reader's idle session is ended, which is waited for; the lock's is not.
    let own = "application_name = 'first' AND datname = current_database()"
    let left = "SELECT count(*) FROM pg_stat_activity WHERE \(own)"
    try await PostgresFaultTests.await("1", from: left, on: fixture)
    let holders = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE \(own)"
    #expect(try await fixture.run("\(holders) AND locktype = 'advisory'") == [["1"]])
    await store.close()
  }

  @Test(
    .enabled(if: Helper.pgbouncer.isUsable, "\(Helper.pgbouncer.missing)"),
    arguments: [PgBouncer.Mode.transaction, .session])
  func `a pooler with one server connection is refused before anything is paid`(_ mode: PgBouncer.Mode) async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    let pooler = try await PgBouncer(before: database, mode: mode, serverConnections: 1)
    try await database.run("CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3))")
    let source = Source(table: "messages")
    let store = try await DatabaseURL(pooler.url).openMessageStore(applicationName: "vecfill db1 pid 4242")
    _ = try await store.inspect(source, dimensions: 3)
    let failure = await #expect(throws: Failure.self) { try await store.claim(source) }
    #expect(failure?.exitCode == .unavailable)
    #expect(failure?.description.contains("the pooler gave no second server connection within 5 s") == true)
    await store.close()
  }

  @Test(.enabled(if: Helper.pgbouncer.isUsable, "\(Helper.pgbouncer.missing)"))
  func `a pool that another client keeps busy for a while is no pool of one`() async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    let pooler = try await PgBouncer(before: database, mode: .transaction, serverConnections: 2)
    try await database.run("CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3))")
    let source = Source(table: "messages")
    let store = try await DatabaseURL(pooler.url).openMessageStore(applicationName: "first")
    let holders =
      "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = "
      + "(SELECT oid FROM pg_database WHERE datname = current_database())"
    let busy = try Hold("SELECT 1", on: pooler.url)
    // The lock comes and goes and comes again: then the other client ends.
    let release = Task {
      var seen: Set<[String?]> = []
      while seen.count < 2 {
        try Task.checkCancellation()
        seen.formUnion(try await database.run(holders))
        await Task.yield()
      }
      busy.release()
    }
    defer { release.cancel() }
    try await store.claim(source)
    #expect(try await database.run(holders).count == 1)
    #expect(try await store.page(of: source, after: nil, limit: 1).isEmpty)
    await store.close()
  }

  @Test(.enabled(if: Helper.pgbouncer.isUsable, "\(Helper.pgbouncer.missing)"))
  func `behind a transaction pooler everything works and the lock holds`() async throws {
    let cluster = try await PostgresCluster.shared(.eighteen)
    let database = try await cluster.freshDatabase()
    let pooler = try await PgBouncer(before: database, mode: .transaction, serverConnections: 3)
    try await database.run(
      """
      CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3));
      INSERT INTO messages SELECT n, 'text ' || n FROM generate_series(1, 300) AS n
      """)
    let source = Source(table: "messages")
    let url = try DatabaseURL(pooler.url)
    let first = try await url.openMessageStore(applicationName: "vecfill db1 pid 4242")
    let second = try await url.openMessageStore(applicationName: "vecfill db2 pid 1")
    _ = try await first.inspect(source, dimensions: 3)
    try await first.claim(source)
    // The lock's transaction may last for days: no vacuum and no concurrent build may have to wait for it.
    let open = "SELECT backend_xmin FROM pg_stat_activity WHERE state = 'idle in transaction'"
    #expect(try await database.run("\(open) AND datname = current_database()") == [[nil]])
    // Both stores work at once on the two server connections that the lock leaves.
    let written = try await withThrowingTaskGroup(of: Int.self) { group in
      for (index, store) in [first, second, first, second].enumerated() {
        group.addTask {
          let page = try await store.page(of: source, after: .integer(Int64(index * 75)), limit: 75)
          let rows = page.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, Float(index)]) }
          return try await store.write(rows, to: source).written.count
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(written == 300)
    let failure = await #expect(throws: Failure.self) { try await second.claim(source) }
    #expect(failure?.exitCode == .locked)
    #expect(failure?.reason.hasPrefix("vecfill db1 pid 4242") == true)
    #expect(try await first.nearest(to: [1, 2, 3], in: source, limit: 2).count == 2)
    await first.close()
    while (try? await second.claim(source)) == nil { await Task.yield() }
    await second.close()
  }
}
