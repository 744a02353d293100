import Backfill
import MessageStores
import Postgres
import TestSupport
import Testing

/// Rows that hold no vector after a write that was accepted.
@Suite struct PostgresUnfilledRowTests {
  static let cases = [
    PostgresOddRowTests.Case(
      "a BEFORE trigger that empties the vector",
      PostgresOddRowTests.trigger("IF NEW.id = 2 THEN NEW.embedding := NULL; END IF;"), "trigger guard"),
    PostgresOddRowTests.Case(
      "a BEFORE trigger that returns NULL", PostgresOddRowTests.trigger("IF NEW.id = 2 THEN RETURN NULL; END IF;"),
      "trigger guard"),
    PostgresOddRowTests.Case(
      "an AFTER trigger that empties the vector",
      PostgresOddRowTests.trigger(
        "IF NEW.embedding IS NOT NULL THEN UPDATE messages SET embedding = NULL WHERE id = NEW.id AND id = 2; END IF;",
        "AFTER UPDATE ON messages FOR EACH ROW"), "trigger guard"),
    PostgresOddRowTests.Case(
      "a deferred trigger that empties the vector at COMMIT",
      PostgresOddRowTests.trigger(
        "IF NEW.embedding IS NOT NULL THEN UPDATE messages SET embedding = NULL WHERE id = NEW.id AND id = 2; END IF;",
        "CONSTRAINT TRIGGER late AFTER UPDATE ON messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"), "trigger late"),
    PostgresOddRowTests.Case(
      "a rule", "CREATE RULE keep AS ON UPDATE TO messages WHERE OLD.id = 2 DO INSTEAD NOTHING", "rule keep"),
    PostgresOddRowTests.Case(
      "a trigger and a rule",
      PostgresOddRowTests.trigger("IF NEW.id = 2 THEN NEW.embedding := NULL; END IF;")
        + "; CREATE RULE note AS ON UPDATE TO messages DO ALSO NOTHING", "trigger guard; rule note"),
  ]

  @Test(arguments: StoreKind.postgres, cases)
  func `a row that takes no vector is not counted as written, and what may have emptied it is named`(
    _ kind: StoreKind, _ hook: PostgresOddRowTests.Case
  ) async throws {
    let fixture = try await PostgresOddRowTests.fixture(hook.script, on: kind)
    let store = try await fixture.open()
    let outcome = try await store.write(PostgresOddRowTests.rows, to: fixture.source)
    #expect(outcome.unfilled == [2])
    #expect(outcome.hooks == hook.reason)
    #expect(outcome.written == [1, 3, 4])
    #expect(outcome.refused.isEmpty && outcome.locked.isEmpty)
    #expect(try await fixture.vectors().keys.sorted() == ["1", "3", "4"])
    await store.close()
  }

  @Test func `a row that a trigger empties is found beside one that the database refuses`() async throws {
    let fixture = try await PostgresOddRowTests.fixture(
      PostgresOddRowTests.trigger(
        "IF NEW.id = 2 THEN NEW.embedding := NULL; ELSIF NEW.id = 3 THEN RAISE 'no'; END IF;"))
    let store = try await fixture.open()
    let outcome = try await store.write(PostgresOddRowTests.rows, to: fixture.source)
    #expect(outcome.unfilled == [2])
    #expect(Array(outcome.refused.keys) == [3])
    #expect(outcome.written == [1, 4])
    await store.close()
  }

  @Test func `a row that was edited, deleted or filled meanwhile is none of them`() async throws {
    let fixture = try await PostgresOddRowTests.fixture(
      "UPDATE messages SET content = 'x' WHERE id = 1; DELETE FROM messages WHERE id = 2")
    try await fixture.fill(3, with: [9, 9, 9])
    let store = try await fixture.open()
    var expected = WriteOutcome()
    expected.written = [4]
    #expect(try await store.write(PostgresOddRowTests.rows, to: fixture.source) == expected)
    await store.close()
  }

  @Test func `a partition's own trigger is named`() async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    try await fixture.run(
      """
      CREATE TABLE messages (id bigint PRIMARY KEY, content text, embedding vector(3)) PARTITION BY HASH (id);
      CREATE TABLE even PARTITION OF messages FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE odd PARTITION OF messages FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      INSERT INTO messages VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four'), (5, 'five');
      CREATE FUNCTION empty() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.embedding := NULL; RETURN NEW; END';
      CREATE TRIGGER "of the even" BEFORE UPDATE ON even FOR EACH ROW EXECUTE FUNCTION empty()
      """)
    let even = Set(try await fixture.run("SELECT id FROM even").compactMap { $0[0].flatMap { Int64($0) } })
    #expect(!even.isEmpty && even.count < 5)
    let store = try await fixture.open()
    let page = try await store.page(of: fixture.source, after: nil, limit: 9)
    let rows = page.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
    let outcome = try await store.write(rows, to: fixture.source)
    #expect(outcome.unfilled == Set(even.map { .integer($0) }))
    #expect(outcome.hooks == "trigger of the even")
    #expect(outcome.written.count == 5 - even.count)
    await store.close()
  }
}
