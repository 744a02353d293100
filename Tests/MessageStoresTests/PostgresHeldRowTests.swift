import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// Rows and tables that another transaction holds.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresHeldRowTests {
  /// How an application holds rows, and which of the four it keeps from being written.
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    let scripts: [String]
    let locked: Set<RowKey>

    init(_ name: String, _ scripts: [String], _ locked: Set<RowKey>) {
      (testDescription, self.scripts, self.locked) = (name, scripts, locked)
    }
  }

  static let cases = [
    Case("FOR UPDATE", ["SELECT FROM messages WHERE id = 2 FOR UPDATE"], [2]),
    Case("FOR SHARE", ["SELECT FROM messages WHERE id = 2 FOR SHARE"], [2]),
    Case("an update", ["UPDATE messages SET role = 'x' WHERE id IN (2, 3)"], [2, 3]),
    Case("a deletion", ["DELETE FROM messages WHERE id = 4"], [4]),
    Case(
      "two transactions at once",
      ["SELECT FROM messages WHERE id = 2 FOR SHARE", "SELECT FROM messages WHERE id = 2 FOR SHARE"], [2]),
    Case("FOR KEY SHARE, as a foreign key's check", ["SELECT FROM messages WHERE id = 2 FOR KEY SHARE"], []),
    Case("ACCESS EXCLUSIVE", ["LOCK TABLE messages"], [1, 2, 3, 4]),
    Case("SHARE, as CREATE INDEX", ["LOCK TABLE messages IN SHARE MODE"], [1, 2, 3, 4]),
  ]

  @Test(arguments: StoreKind.postgres, cases)
  func `what is held is left, all others are written at once, and the holder is named`(
    _ kind: StoreKind, _ held: Case
  ) async throws {
    let fixture = try await PostgresOddRowTests.fixture("SELECT 1", on: kind)
    let store = try await fixture.openImpatient(lockTimeout: .milliseconds(100))
    _ = try await store.inspect(fixture.source, dimensions: 3)
    var applications: [PostgresConnection] = []
    var pids: [String] = []
    for script in held.scripts {
      let application = try await PostgresConnection.connect(
        to: DatabaseURL(fixture.url), applicationName: "the shop")
      try await application.execute("BEGIN")
      try await application.execute(script)
      pids.append(try #require(try await application.query("SELECT pg_backend_pid()")[0][0]))
      applications.append(application)
    }
    let started = ContinuousClock.now
    let outcome = try await store.write(PostgresOddRowTests.rows, to: fixture.source)
    let all = Set(PostgresOddRowTests.rows.map(\.key))
    #expect(outcome.locked == held.locked)
    #expect(outcome.written == all.subtracting(held.locked))
    #expect(outcome.refused.isEmpty && outcome.unfilled.isEmpty)
    #expect(ContinuousClock.now - started < .seconds(15))
    if held.locked.isEmpty {
      #expect(outcome.lockHolders == "")
    } else {
      for pid in pids {
        #expect(
          outcome.lockHolders.contains("pid \(pid) (the shop at 127.0.0.1), idle in transaction since 20"),
          "\(outcome.lockHolders)")
      }
    }
    let states = try await fixture.run(
      """
      SELECT DISTINCT state FROM pg_stat_activity
      WHERE application_name = 'vecfill tests' AND datname = current_database()
      """)
    #expect(states == [["idle"]])
    for application in applications { try await application.execute("ROLLBACK") }
    let rest = PostgresOddRowTests.rows.filter { held.locked.contains($0.key) }
    #expect(try await store.write(rest, to: fixture.source).written == held.locked)
    await store.close()
  }

  @Test func `a statement that waits for the table ahead of the write is named too`() async throws {
    let fixture = try await PostgresOddRowTests.fixture("SELECT 1")
    let store = try await fixture.openImpatient(lockTimeout: .milliseconds(100))
    _ = try await store.inspect(fixture.source, dimensions: 3)
    let reader = try Hold("SELECT FROM messages", on: fixture.url)
    let migration = try await PostgresConnection.connect(to: DatabaseURL(fixture.url), applicationName: "migration")
    let altering = Task { try await migration.execute("ALTER TABLE messages ADD n int") }
    try await PostgresFaultTests.await(
      "1",
      from: """
        SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'migration' AND wait_event_type = 'Lock' AND datname = current_database()
        """, on: fixture)
    let outcome = try await store.write(PostgresOddRowTests.rows, to: fixture.source)
    #expect(outcome.locked == [1, 2, 3, 4])
    #expect(outcome.lockHolders.contains("(migration at 127.0.0.1), active since"))
    reader.release()
    _ = try await altering.value
    #expect(try await store.write(PostgresOddRowTests.rows, to: fixture.source).written == [1, 2, 3, 4])
    await store.close()
  }

  @Test func `a partition that is held keeps no other partition from being written`() async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    try await fixture.run(
      """
      CREATE TABLE messages (id bigint PRIMARY KEY, content text, embedding vector(3)) PARTITION BY RANGE (id);
      CREATE TABLE low PARTITION OF messages FOR VALUES FROM (0) TO (21);
      CREATE TABLE high PARTITION OF messages FOR VALUES FROM (21) TO (1000);
      INSERT INTO messages SELECT n, 'text' FROM generate_series(1, 40) AS n
      """)
    let store = try await fixture.open()
    _ = try await store.inspect(fixture.source, dimensions: 3)
    let hold = try Hold("LOCK TABLE ONLY low", on: fixture.url)
    let rows = (1...40).map { EmbeddedRow(.integer($0), "text", [1, 2, 3]) }
    let started = ContinuousClock.now
    let outcome = try await store.write(rows, to: fixture.source)
    // Nor does each row wait for the partition: they are 40, and the store's patience is a second.
    #expect(ContinuousClock.now - started < .seconds(30))
    #expect(outcome.written == Set((21...40).map { .integer($0) }))
    #expect(outcome.locked == Set((1...20).map { .integer($0) }))
    #expect(outcome.lockHolders.hasPrefix("pid "))
    hold.release()
    #expect(try await store.write(rows, to: fixture.source).written.count == 20)
    await store.close()
  }

  @Test func `a trigger that waits for a lock of its own makes its rows locked, within a bounded time`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.run(
      PostgresOddRowTests.trigger("IF NEW.id <= 200 THEN PERFORM pg_advisory_xact_lock(42); END IF;")
        + "; INSERT INTO messages (id, content) SELECT n, 'text' FROM generate_series(1, 210) AS n")
    let store = try await fixture.openImpatient()
    let hold = try Hold("SELECT pg_advisory_xact_lock(42)", on: fixture.url)
    let rows = (1...210).map { EmbeddedRow(.integer($0), "text", [1, 2, 3]) }
    let outcome = try await store.write(rows, to: fixture.source)
    // Nor are the last ten written, for which nothing waits: after so many in vain no more are tried.
    #expect(outcome.locked == Set(rows.map(\.key)))
    #expect(outcome.refused.isEmpty && outcome.unfilled.isEmpty)
    hold.release()
    #expect(try await store.write(rows, to: fixture.source).written.count == 210)
    await store.close()
  }

  @Test func `a row that is held and one that is refused keep no other from being written`() async throws {
    let fixture = try await PostgresOddRowTests.fixture(
      "ALTER TABLE messages ADD CONSTRAINT short CHECK (length(content) < 8) NOT VALID")
    let store = try await fixture.open()
    let hold = try Hold("SELECT FROM messages WHERE id = 1 FOR UPDATE", on: fixture.url)
    let outcome = try await store.write(PostgresOddRowTests.rows, to: fixture.source)
    #expect(outcome.locked == [1])
    #expect(outcome.refused == [2: "the constraint short refuses it (SQLSTATE 23514)"])
    #expect(outcome.written == [3, 4])
    hold.release()
    await store.close()
  }

  @Test func `a role that may not see other sessions is told their number`() async throws {
    let fixture = try await PostgresOddRowTests.fixture("SELECT 1")
    let role = "role_\(UUID().uuidString)"
    try await fixture.run(
      """
      CREATE ROLE "\(role)" LOGIN;
      GRANT SELECT (id, content, embedding), UPDATE (embedding) ON messages TO "\(role)"
      """)
    let store = try await fixture.openImpatient(as: role, lockTimeout: .milliseconds(100))
    _ = try await store.inspect(fixture.source, dimensions: 3)
    let hold = try Hold("LOCK TABLE messages IN SHARE MODE", on: fixture.url)
    let outcome = try await store.write(PostgresOddRowTests.rows, to: fixture.source)
    #expect(outcome.locked == [1, 2, 3, 4])
    #expect(outcome.lockHolders.hasPrefix("pid "))
    hold.release()
    let row = try Hold("SELECT FROM messages WHERE id = 1 FOR UPDATE", on: fixture.url)
    #expect(try await store.write(PostgresOddRowTests.rows, to: fixture.source).locked == [1])
    row.release()
    await store.close()
  }

  @Test func `a row that a prepared transaction holds is left`() async throws {
    let cluster = try await PostgresCluster(.eighteen)
    try await PostgresDatabase(port: cluster.port, name: "postgres").run(
      "ALTER SYSTEM SET max_prepared_transactions = 5")
    try await cluster.crash()
    try await cluster.start()
    let database = try await cluster.freshDatabase()
    try await database.run(
      """
      CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3));
      INSERT INTO messages VALUES (1, 'one'), (2, 'a secret')
      """)
    try await database.run("BEGIN; DELETE FROM messages WHERE id = 1; PREPARE TRANSACTION 'half done'")
    let store = try await DatabaseURL(database.url).openMessageStore(applicationName: "vecfill tests")
    let outcome = try await store.write(
      Array(PostgresOddRowTests.rows.prefix(2)), to: Source(table: "messages"))
    #expect(outcome.locked == [1])
    #expect(outcome.written == [2])
    #expect(outcome.lockHolders == "the prepared transaction half done")
    await store.close()
  }
}
