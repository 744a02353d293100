import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// Several writes of one store at once.
@Suite struct PostgresWritersTests {
  private static let waiters = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'vecfill tests' AND wait_event_type = 'Lock'
    """
  private static var rows: [EmbeddedRow] { PostgresOddRowTests.rows }

  @Test(arguments: StoreKind.postgres) func `a write that waits for a lock keeps no other one waiting`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await PostgresOddRowTests.fixture("SELECT 1", on: kind)
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60), writers: 2)
    _ = try await store.inspect(fixture.source, dimensions: 3)
    let application = try await PostgresConnection.connect(
      to: DatabaseURL(fixture.url), applicationName: "the shop")
    try await application.execute("BEGIN; SELECT FROM messages WHERE id = 1 FOR UPDATE")
    let held = Task { try await store.write([Self.rows[0]], to: fixture.source) }
    try await PostgresFaultTests.await("1", from: Self.waiters, on: fixture)
    #expect(try await store.write([Self.rows[2], Self.rows[3]], to: fixture.source).written == [3, 4])
    #expect(try await fixture.run(Self.waiters)[0][0] == "1")
    try await application.execute("COMMIT")
    #expect(try await held.value.written == [1])
    await store.close()
  }

  /// A trigger that takes a lock for two rows each, and with `isGated` waits then for the test.
  private static let counting = """
    CREATE TABLE counters (id bigint PRIMARY KEY, n bigint NOT NULL DEFAULT 0);
    INSERT INTO counters VALUES (0), (1);
    CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      UPDATE counters SET n = n + 1 WHERE id = NEW.id % 2;
      PERFORM pg_advisory_xact_lock_shared(42);
      RETURN NEW; END $$;
    CREATE TRIGGER counting BEFORE UPDATE ON messages FOR EACH ROW EXECUTE FUNCTION count_it();
    """

  @Test(arguments: StoreKind.postgres) func `two writes that a trigger brings into a deadlock are both done`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await PostgresOddRowTests.fixture(Self.counting, on: kind)
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60), writers: 2)
    _ = try await store.inspect(fixture.source, dimensions: 3)
    let gate = try Hold("SELECT pg_advisory_xact_lock(42)", on: fixture.url)
    let rows = Self.rows
    async let first = store.write([rows[0], rows[1]], to: fixture.source)
    async let second = store.write([rows[3], rows[2]], to: fixture.source)
    // Each has the counter that the other one needs next.
    try await PostgresFaultTests.await("2", from: Self.waiters, on: fixture)
    gate.release()
    let outcomes = try await [first, second]
    #expect(outcomes.map(\.written) == [[1, 2], [3, 4]])
    #expect(outcomes.allSatisfy { $0.locked.isEmpty && $0.refused.isEmpty && $0.unfilled.isEmpty })
    #expect(try await fixture.run("SELECT n FROM counters") == [["2"], ["2"]])
    await store.close()
    try await PostgresFaultTests.await(
      "t", from: "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()", on: fixture)
  }

  @Test(arguments: StoreKind.postgres)
  func `a write that waits too long for a trigger's lock of another is done after it`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await PostgresOddRowTests.fixture(Self.counting, on: kind)
    let store = try await fixture.openImpatient(lockTimeout: .milliseconds(500), writers: 2)
    _ = try await store.inspect(fixture.source, dimensions: 3)
    // The first write, of the patient store, has the counter and waits for the test; the second wants the same one.
    let patient = try await fixture.openImpatient(lockTimeout: .seconds(60))
    _ = try await patient.inspect(fixture.source, dimensions: 3)
    let gate = try Hold("SELECT pg_advisory_xact_lock(42)", on: fixture.url)
    async let first = patient.write([Self.rows[0]], to: fixture.source)
    try await PostgresFaultTests.await("1", from: Self.waiters, on: fixture)
    // Nobody of this store is in its way: the row is told as held, and comes again.
    #expect(try await store.write([Self.rows[2]], to: fixture.source).locked == [3])
    gate.release()
    #expect(try await first.written == [1])
    #expect(try await store.write([Self.rows[2]], to: fixture.source).written == [3])
    await patient.close()
    await store.close()
  }
}
