import Backfill
import Foundation
import MessageStores
import PgVector
import Postgres
import TestSupport
import Testing

/// One pool in a real database, from several connections.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresAllowanceTests {
  private static let source = Source(table: "chat_messages")

  private static func database(_ script: String = "SELECT 1") async throws -> PostgresDatabase {
    let database = try await PostgresCluster.shared(.sixteen).freshDatabase()
    try await database.run(
      "CREATE TABLE chat_messages (id int PRIMARY KEY, content text, embedding vector(8)); \(script)")
    return database
  }

  private static func made(in schema: String) -> String {
    "CREATE TABLE \(schema).vecfill_share (\(OwnTable.Definition.share.body))"
  }

  private static func allowance(in database: PostgresDatabase, role: String = "postgres") async throws
    -> PostgresAllowance
  {
    try await PostgresAllowance(
      url: DatabaseURL("postgresql://\(role)@127.0.0.1:\(database.port)/\(database.name)"),
      applicationName: "vecfill tests", source: source)
  }

  private static func member(_ name: String, session: String = "1") -> ShareMember {
    ShareMember(
      pool: "host model", participant: name, session: "\(name) \(session)", job: "job", process: "host pid 1")
  }

  private static func ask(used: ShareAmount = ShareAmount()) -> ShareAsk {
    var ask = ShareAsk()
    ask.used = used
    ask.next = ShareAmount(requests: 1, tokens: 100)
    ask.limits = Job.Limits(requestsPerMinute: 6_000, tokensPerMinute: 60_000_000)
    return ask
  }

  /// Moves the pool's times, as a clock of the database that goes the other way does.
  private static func move(by seconds: Double, in database: PostgresDatabase) async throws {
    let state = try await database.value("SELECT state FROM vecfill_share WHERE participant = ''")
    var pool = try JSONDecoder().decode(SharedPool.self, from: Data((state ?? "").utf8))
    pool.refilledAt += seconds
    pool.holders = pool.holders.mapValues { $0.moved(backBy: -seconds) }
    let moved = String(decoding: try JSONEncoder().encode(pool), as: UTF8.self)
    try await database.run("UPDATE vecfill_share SET state = '\(moved)' WHERE participant = ''")
  }

  @Test func `eight who claim at once get no more than the limit`() async throws {
    let database = try await Self.database()
    let began = ContinuousClock.now
    let given = try await withThrowingTaskGroup(of: Double.self) { group in
      for number in 0..<8 {
        group.addTask {
          // All of them find no table, and make one.
          let allowance = try await Self.allowance(in: database)
          var used = ShareAmount()
          for _ in 0..<30 {
            let grant = try await allowance.claim(Self.ask(used: used), by: Self.member("\(number)"))
            used.requests = max(used.requests, (grant.requests ?? 0).rounded(.down))
          }
          await allowance.close()
          return used.requests
        }
      }
      return try await group.reduce(0, +)
    }
    let rate = try #require(SharedRate(6_000))
    #expect(given > 10)
    #expect(given <= rate.capacity + rate.perSecond * ((ContinuousClock.now - began) / .seconds(1)))
    #expect(try await database.value("SELECT count(*) FROM pg_class WHERE relname = 'vecfill_share'") == "1")
    #expect(try await database.value("SELECT version FROM vecfill_share WHERE participant = ''") == "240")
  }

  @Test func `what a killed process had reserved counts, whoever comes back and tells less`() async throws {
    let database = try await Self.database()
    let allowance = try await Self.allowance(in: database)
    var ask = Self.ask()
    (ask.dollars.spent, ask.dollars.reserved, ask.dollars.kept) = (1, 2, 3)
    (ask.dollars.least, ask.dollars.wanted) = (4, 6)
    #expect(try await allowance.claim(ask, by: Self.member("a")).committed == 6)
    var other = Self.ask()
    (other.dollars.least, other.dollars.wanted, other.dollars.budget) = (5, 7, 10)
    let poor = try await allowance.claim(other, by: Self.member("b"))
    #expect(poor.committed == 0 && poor.others == 6 && poor.mayReturn == 5)
    // The ledger's next process, while the slice of the killed one has not lapsed.
    var next = Self.ask()
    (next.dollars.least, next.dollars.wanted) = (1, 2)
    let early = try await allowance.claim(next, by: Self.member("a", session: "2"))
    #expect(early.committed == 2 && early.others == 6)
    try await allowance.release(ShareAmount(), spent: 0, by: Self.member("a", session: "2"))
    // One that ends by itself, and tells it twice.
    for _ in 0..<2 { try await allowance.release(ShareAmount(), spent: 1, by: Self.member("a")) }
    let rich = try await allowance.claim(other, by: Self.member("b"))
    #expect(rich.committed == 7 && rich.others == 1)
    let rows = "SELECT string_agg(participant || ':' || spent, ',' ORDER BY participant) FROM vecfill_share"
    #expect(try await database.value("\(rows) WHERE participant LIKE 'a%'") == "a:1,a 2:0")
    await allowance.close()
  }

  /// Also by a clock that was put back by an hour. The pool has the times of its last claim.
  @Test(arguments: [0, 3_600.0])
  func `what one has reserved may come back while it was seen a moment ago`(putBack: Double) async throws {
    let database = try await Self.database()
    let allowance = try await Self.allowance(in: database)
    var ask = Self.ask()
    (ask.dollars.least, ask.dollars.wanted) = (4, 6)
    _ = try await allowance.claim(ask, by: Self.member("a"))
    try await Self.move(by: putBack, in: database)
    let live = try await allowance.claim(Self.ask(), by: Self.member("b"))
    #expect(live.mayReturn == 6 && live.others == 6)
    // The first one is killed, and 5 s later another claims.
    try await Self.move(by: -5, in: database)
    _ = try await allowance.claim(Self.ask(), by: Self.member("c"))
    try await Self.move(by: putBack, in: database)
    let killed = try await allowance.claim(Self.ask(), by: Self.member("b"))
    #expect(killed.mayReturn == 0 && killed.others == 6)
    await allowance.close()
  }

  @Test(arguments: ["BEFORE UPDATE", "BEFORE INSERT OR UPDATE"])
  func `a table that keeps nothing of what is written is named`(event: String) async throws {
    let database = try await Self.database()
    let allowance = try await Self.allowance(in: database)
    _ = try await allowance.claim(Self.ask(), by: Self.member("a"))
    try await database.run(
      """
      CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER t \(event) ON vecfill_share FOR EACH ROW EXECUTE FUNCTION nothing()
      """)
    let failure = await #expect(throws: Failure.self) { try await allowance.claim(Self.ask(), by: Self.member("a")) }
    #expect(failure?.exitCode == .configuration)
    #expect(
      failure?.description
        == "public.vecfill_share: what is written to it doesn't stay; take its triggers and rules away")
    await allowance.close()
  }

  @Test func `a claim that finds another process faster is made again`() async throws {
    let database = try await Self.database()
    let allowance = try await Self.allowance(in: database)
    _ = try await allowance.claim(Self.ask(), by: Self.member("a"))
    let url = try DatabaseURL(database.url)
    let other = try await PostgresConnection.connect(to: url, applicationName: "another")
    try await other.execute("BEGIN; UPDATE vecfill_share SET version = version + 1 WHERE participant = ''")
    let claim = Task { try await allowance.claim(Self.ask(), by: Self.member("b")) }
    while try await database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0" {
      try await Task.sleep(for: .milliseconds(5))
    }
    try await other.execute("COMMIT")
    _ = try await claim.value
    #expect(try await database.value("SELECT version FROM vecfill_share WHERE participant = ''") == "3")
    await allowance.close()
    await other.close()
  }

  @Test(arguments: [
    // The role may not make it; it may not write it; it may not look into its schema; another's table has the name; there
    // are two.
    ("SELECT 1", ExitCode.denied, "the owner of chat_messages (with CREATE on the schema) or a superuser"),
    (made(in: "public"), .denied, "GRANT SELECT, INSERT, UPDATE ON public.vecfill_share TO shopkeeper"),
    (
      "CREATE SCHEMA \"Hidden\"; \(made(in: "\"Hidden\"")); GRANT ALL ON \"Hidden\".vecfill_share TO shopkeeper",
      .denied, "run: GRANT USAGE ON SCHEMA \"Hidden\" TO shopkeeper; GRANT"
    ),
    ("SET ROLE shopkeeper; CREATE TABLE shop.vecfill_share (a int)", .configuration, "not as vecfill makes it"),
    (
      "CREATE TABLE vecfill_share (a int); CREATE TABLE shop.vecfill_share (a int)", .configuration,
      "more than one table of this name"
    ),
  ])
  func `a place that can't be used is told with what to do`(
    _ script: String, code: ExitCode, words: String
  ) async throws {
    let cluster = try await PostgresCluster.shared(.sixteen)
    try await PostgresDatabase(port: cluster.port, name: "postgres").run(
      "DO $$ BEGIN CREATE ROLE shopkeeper LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
    let database = try await Self.database(
      "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA shop AUTHORIZATION shopkeeper; GRANT ALL ON chat_messages TO shopkeeper; \(script)"
    )
    let failure = await #expect(throws: Failure.self) {
      try await Self.allowance(in: database, role: "shopkeeper")
    }
    #expect(failure?.exitCode == code)
    #expect(failure?.description.contains(words) == true, "\(String(describing: failure))")
    if code == .denied {
      // What it prints makes it work, pasted as one line.
      let line = try #require(failure?.remedy?.components(separatedBy: "run: ").last)
      #expect(!line.contains("\n"))
      try await database.run(line)
      _ = try await Self.allowance(in: database, role: "shopkeeper").claim(Self.ask(), by: Self.member("a"))
    }
  }

  @Test func `SQLite is refused`() async throws {
    let failure = await #expect(throws: Failure.self) {
      try await PostgresAllowance(
        url: DatabaseURL("sqlite:////tmp/none.db"), applicationName: "a", source: Self.source)
    }
    #expect(failure?.exitCode == .configuration && failure?.reason.contains("needs PostgreSQL") == true)
  }

  @Test func `what is held is shown`() async throws {
    let database = try await Self.database()
    let url = try DatabaseURL(database.url)
    #expect(try await PostgresSharedPools.read("host model", in: url, applicationName: "a") == nil)
    let allowance = try await Self.allowance(in: database)
    var ask = Self.ask()
    (ask.dollars.spent, ask.dollars.wanted) = (1, 3)
    _ = try await allowance.claim(ask, by: Self.member("a"))
    let reading = try #require(try await PostgresSharedPools.read("host model", in: url, applicationName: "a"))
    #expect(reading.spent == 1 && reading.reserved == 2)
    #expect(reading.pool.holders["a 1"]?.process == "host pid 1")
    await allowance.close()
  }
}
