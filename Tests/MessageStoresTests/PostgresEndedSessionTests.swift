import Backfill
import MessageStores
import TestSupport
import Testing

/// Writes that end their session, as one that crashes the server, and limits of the session's that end them.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresEndedSessionTests {
  private static func fixture(_ rows: String) async throws -> (StoreFixture, [EmbeddedRow]) {
    let fixture = try await StoreFixture(.postgres18)
    let keys = Array(1...10 as ClosedRange<Int64>)
    try await fixture.insert((1...20).map { (key: .integer($0), text: "text \($0)") })
    try await fixture.run(
      """
      CREATE SEQUENCE ends;
      CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
      CREATE TRIGGER crash BEFORE UPDATE ON messages FOR EACH ROW WHEN (\(rows)) EXECUTE FUNCTION crash()
      """)
    return (fixture, keys.map { EmbeddedRow(.integer($0), "text \($0)", [1, 2, 3]) })
  }

  @Test(arguments: [1, 7, 10] as [Int64])
  func `a row whose write ends the session stops no other`(_ odd: Int64) async throws {
    let (fixture, rows) = try await Self.fixture("NEW.id = \(odd)")
    let store = try await fixture.open()
    let outcome = try await store.write(rows, to: fixture.source)
    #expect(outcome.refused == [.integer(odd): "its write ends the session (SQLSTATE 57P01)"])
    #expect(outcome.written == Set(rows.map(\.key)).subtracting([.integer(odd)]))
    #expect(try await fixture.vectors().count == 9)
    await store.close()
  }

  @Test func `several such rows stop no other either`() async throws {
    let (fixture, rows) = try await Self.fixture("NEW.id <= 5")
    let store = try await fixture.open()
    let outcome = try await store.write(rows, to: fixture.source)
    #expect(Set(outcome.refused.keys) == [1, 2, 3, 4, 5] && outcome.written == [6, 7, 8, 9, 10])
    // They alone are left of what was paid for.
    #expect(try await store.write(Array(rows.prefix(5)), to: fixture.source).refused.count == 5)
    await store.close()
  }

  @Test func `where each write ends the session it is the server's fault`() async throws {
    let (fixture, rows) = try await Self.fixture("true")
    let store = try await fixture.open()
    let failure = await #expect(throws: Failure.self) { try await store.write(rows, to: fixture.source) }
    #expect(failure?.exitCode == .unavailable)
    #expect(failure?.remedy?.contains("the server's log") == true)
    await store.close()
  }

  @Test(arguments: [1, 2, 3], [false, true])
  func `that shows at a write of few rows too, though all others have a vector`(
    _ count: Int, _ areFilled: Bool
  ) async throws {
    let (fixture, rows) = try await Self.fixture("NEW.embedding = '[1,2,3]'")
    if areFilled { try await fixture.run("UPDATE messages SET embedding = '[4,5,6]' WHERE id > \(count)") }
    let store = try await fixture.open()
    let failure = await #expect(throws: Failure.self) {
      try await store.write(Array(rows.prefix(count)), to: fixture.source)
    }
    #expect(failure?.exitCode == .unavailable)
    await store.close()
  }

  @Test(arguments: ["NEW.id IN (1, 2)", "NEW.id IN (1, 2, 20)"])
  func `few odd rows are told from that by a healthy one`(_ odd: String) async throws {
    let (fixture, rows) = try await Self.fixture(odd)
    let store = try await fixture.open()
    let outcome = try await store.write(Array(rows.prefix(2)), to: fixture.source)
    #expect(Set(outcome.refused.keys) == [1, 2])
    await store.close()
  }

  @Test func `a row that is refused beside such a one is not blamed for a third`() async throws {
    let (fixture, rows) = try await Self.fixture("NEW.id = 1 OR NEW.id > 10")
    try await fixture.run("ALTER TABLE messages ADD CONSTRAINT odd CHECK (embedding IS NULL OR id <> 2)")
    let store = try await fixture.open()
    let outcome = try await store.write(Array(rows.prefix(3)), to: fixture.source)
    #expect(outcome.refused[2] == "the constraint odd refuses it (SQLSTATE 23514)")
    #expect(outcome.written == [3])
    await store.close()
  }

  @Test func `somebody who ends a row's sessions a few times condemns none`() async throws {
    let (fixture, rows) = try await Self.fixture("NEW.id = 7 AND nextval('ends') <= 6")
    let store = try await fixture.open()
    let outcome = try await store.write(rows, to: fixture.source)
    #expect(outcome.refused.isEmpty && outcome.written.count == 10)
    await store.close()
  }

  @Test func `a limit on transactions ends no write`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert((1...20).map { (key: .integer($0), text: "text \($0)") })
    try await fixture.run(
      """
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;
      CREATE TRIGGER slow BEFORE UPDATE ON messages FOR EACH ROW EXECUTE FUNCTION slow();
      ALTER DATABASE \(try #require(fixture.url.split(separator: "/").last)) SET transaction_timeout = '200ms'
      """)
    let store = try await fixture.open()
    let rows = (1...20).map { EmbeddedRow(.integer($0), "text \($0)", [1, 2, 3]) }
    #expect(try await store.write(rows, to: fixture.source).written.count == 20)
    await store.close()
  }
}
