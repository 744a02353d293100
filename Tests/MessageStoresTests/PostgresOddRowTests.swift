import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// Rows that PostgreSQL will not take a vector for: each is told with its reason, and all others are written.
@Suite struct PostgresOddRowTests {
  static let texts: [Int64: String?] = [1: "one", 2: "a secret", 3: "three", 4: "four"]

  static let rows = [
    EmbeddedRow(1, "one", [1, 0, 0]), EmbeddedRow(2, "a secret", [2, 0, 0]), EmbeddedRow(3, "three", [3, 0, 0]),
    EmbeddedRow(4, "four", [4, 0, 0]),
  ]

  /// A table with four rows, and what `script` adds to it.
  static func fixture(_ script: String, on kind: StoreKind = .postgres18) async throws -> StoreFixture {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert(texts)
    try await fixture.run(script)
    return fixture
  }

  /// How a database refuses row 2, and by which words that is told.
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    let script: String
    let reason: String

    init(_ name: String, _ script: String, _ reason: String) {
      (testDescription, self.script, self.reason) = (name, script, reason)
    }
  }

  static func trigger(_ body: String, _ declaration: String = "BEFORE UPDATE ON messages FOR EACH ROW") -> String {
    """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \(body) RETURN NEW; END $$;
    CREATE \(declaration.hasPrefix("CONSTRAINT") ? "" : "TRIGGER guard ")\(declaration) EXECUTE FUNCTION refuse()
    """
  }

  static let cases = [
    Case(
      "a constraint that older rows break",
      "ALTER TABLE messages ADD CONSTRAINT short CHECK (length(content) < 8) NOT VALID",
      "the constraint short refuses it (SQLSTATE 23514)"),
    Case(
      "a trigger", trigger("IF NEW.id = 2 THEN RAISE EXCEPTION 'no: %', NEW.content; END IF;"),
      "the trigger guard refuses it (SQLSTATE P0001)"),
    Case(
      "a trigger that names a constraint of the row's text",
      trigger("IF NEW.id = 2 THEN RAISE 'x' USING CONSTRAINT = NEW.content, HINT = NEW.content; END IF;"),
      "the trigger guard refuses it (SQLSTATE P0001)"),
    Case(
      "a deferred constraint trigger",
      trigger(
        "IF NEW.id = 2 THEN RAISE EXCEPTION 'late: %', NEW.content; END IF;",
        "CONSTRAINT TRIGGER late AFTER UPDATE ON messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"),
      "the trigger late refuses it (SQLSTATE P0001)"),
    Case(
      "a trigger's own write to another table",
      "CREATE TABLE log (n bigint CONSTRAINT even CHECK (n % 2 <> 0));"
        + trigger("INSERT INTO log VALUES (CASE NEW.id WHEN 2 THEN 2 ELSE 1 END);"),
      "the trigger guard refuses it (SQLSTATE 23514)"),
    Case(
      "a trigger's dynamic statement",
      trigger("IF NEW.id = 2 THEN EXECUTE NEW.content; END IF;"), "the trigger guard refuses it (SQLSTATE 42601)"),
    Case(
      "a generated column",
      """
      ALTER TABLE messages ADD n int
        GENERATED ALWAYS AS (1 / (CASE WHEN id = 2 AND embedding IS NOT NULL THEN 0 ELSE 1 END)) STORED
      """, "PostgreSQL refuses it (SQLSTATE 22012)"),
    Case(
      "a unique index",
      """
      INSERT INTO messages (id, content, embedding) VALUES (20, 'x', '[4,0,0]');
      CREATE UNIQUE INDEX once ON messages ((CASE WHEN id IN (2, 20) AND embedding IS NOT NULL THEN 1 END))
      """, "the constraint once refuses it (SQLSTATE 23505)"),
    Case(
      "a statement timeout of one row",
      trigger("IF NEW.id = 2 THEN PERFORM set_config('statement_timeout', '1ms', true); RAISE query_canceled; END IF;"),
      "the trigger guard refuses it (SQLSTATE 57014)"),
  ]

  @Test(arguments: StoreKind.postgres, cases)
  func `a row that the database refuses is told by names, and all others are written`(
    _ kind: StoreKind, _ refusal: Case
  ) async throws {
    let fixture = try await Self.fixture(refusal.script, on: kind)
    let store = try await fixture.open()
    let outcome = try await store.write(Self.rows, to: fixture.source)
    #expect(outcome.refused == [2: refusal.reason])
    #expect(outcome.written == [1, 3, 4])
    #expect(outcome.locked.isEmpty && outcome.unfilled.isEmpty)
    #expect(try await fixture.vectors().filter { $0.key != "20" }.keys.sorted() == ["1", "3", "4"])
    // What is left is the row alone, and it is refused alone.
    let again = try await store.write([Self.rows[1]], to: fixture.source)
    #expect(again.refused == [2: refusal.reason])
    await store.close()
  }

  static let states = [
    "40001", "40P01", "55P03", "57014", "42501", "25006", "53100", "53300", "P0001", "45000", "57P01", "08006", "58030",
    "XX001", "22P05", "23505", "28000", "3D000", "0A000", "42P01", "99999",
  ]

  @Test(arguments: states)
  func `whatever SQLSTATE a trigger raises, it is the row's refusal, and the row's text is told nowhere`(
    _ state: String
  ) async throws {
    let fixture = try await Self.fixture(
      Self.trigger(
        """
        IF NEW.id = 2 THEN RAISE EXCEPTION 'bad: %', NEW.content
          USING ERRCODE = '\(state)', DETAIL = NEW.content, HINT = NEW.content, TABLE = NEW.content; END IF;
        """))
    let store = try await fixture.open()
    let outcome = try await store.write(Self.rows, to: fixture.source)
    #expect(outcome.refused == [2: "the trigger guard refuses it (SQLSTATE \(state))"])
    #expect(outcome.written == [1, 3, 4])
    #expect(!"\(outcome)".contains("secret"))
    await store.close()
  }

  @Test func `rows that are all refused are all told`() async throws {
    let fixture = try await Self.fixture(
      Self.trigger("RAISE EXCEPTION 'bad: %', NEW.content USING ERRCODE = '42501';"))
    let store = try await fixture.open()
    let outcome = try await store.write(Self.rows, to: fixture.source)
    #expect(Set(outcome.refused.keys) == [1, 2, 3, 4])
    #expect(outcome.written.isEmpty)
    await store.close()
  }

  @Test func `a right that was taken away is no row's fault`() async throws {
    let fixture = try await Self.fixture("SELECT 1")
    let role = "role_\(UUID().uuidString)"
    try await fixture.run(
      "CREATE ROLE \"\(role)\" LOGIN; GRANT SELECT, UPDATE ON messages TO \"\(role)\"")
    let store = try await DatabaseURL(fixture.url.replacing("postgres@", with: "\(role)@"))
      .openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(fixture.source, dimensions: 3)
    try await fixture.run("REVOKE UPDATE ON messages FROM \"\(role)\"")
    let failure = await #expect(throws: Failure.self) { try await store.write(Self.rows, to: fixture.source) }
    #expect(failure?.exitCode == .denied)
    await store.close()
  }

  @Test func `a vector of a row that the condition leaves out by now is not written`() async throws {
    let fixture = try await Self.fixture("ALTER TABLE messages ADD hidden boolean NOT NULL DEFAULT false")
    let store = try await fixture.open()
    var source = fixture.source
    source.condition = "NOT hidden"
    #expect(try await store.page(of: source, after: nil, limit: 9).count == 4)
    try await fixture.run("UPDATE messages SET hidden = true WHERE id = 2")
    let outcome = try await store.write(Self.rows, to: source)
    #expect(outcome.written == [1, 3, 4])
    #expect(outcome.refused.isEmpty && outcome.unfilled.isEmpty && outcome.locked.isEmpty)
    await store.close()
  }
}
