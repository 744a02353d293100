import Backfill
import MessageStores
import TestSupport
import Testing

/// Texts that change when their vector is written, and texts that are another at each look.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresMovedTextTests {
  static func source(_ edits: Edits) throws -> Source {
    var source = Source(table: "messages", text: SourceText(try TextTemplate(parsing: "{content}, {stamp}")))
    source.edits = edits
    return source
  }

  /// A trigger as applications have it, and whether the text is another after each write.
  struct Hook: CustomTestStringConvertible {
    let testDescription: String
    let body: String
    var when = "BEFORE"
    let movesAgain: Bool

    static let all = [
      Hook(testDescription: "updated_at", body: "NEW.stamp := now()::text;", movesAgain: true),
      Hook(
        testDescription: "a version that is counted", body: "NEW.stamp := NEW.stamp::int + 1;", movesAgain: true),
      Hook(
        testDescription: "a version that is counted behind it",
        body: "UPDATE messages SET stamp = stamp::int + 1 WHERE id = NEW.id;", when: "AFTER", movesAgain: true),
      Hook(testDescription: "one form for all texts", body: "NEW.content := lower(NEW.content);", movesAgain: false),
    ]

    func sql(_ rows: String) -> String {
      """
      CREATE FUNCTION hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \(body) RETURN NEW; END $$;
      CREATE TRIGGER hook \(when) UPDATE ON messages FOR EACH ROW WHEN (\(rows) AND pg_trigger_depth() = 0)
        EXECUTE FUNCTION hook();
      CREATE FUNCTION clear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.embedding := NULL; RETURN NEW; END $$;
      """
    }
  }

  private static func fixture(_ source: Source, _ hook: Hook, _ rows: String) async throws -> StoreFixture {
    let fixture = try await StoreFixture(.postgres18, source: source)
    try await fixture.run(
      """
      ALTER TABLE messages ADD COLUMN stamp text NOT NULL DEFAULT '0', ADD COLUMN embedding_digest bytea;
      INSERT INTO messages (id, content) SELECT n, 'Text ' || n FROM generate_series(1, 20) n;
      \(hook.sql(rows))
      """)
    if source.edits == .clear {
      try await fixture.run(
        """
        CREATE TRIGGER zclear BEFORE UPDATE ON messages FOR EACH ROW
          WHEN ((OLD.content, OLD.stamp) IS DISTINCT FROM (NEW.content, NEW.stamp)) EXECUTE FUNCTION clear()
        """)
    }
    return fixture
  }

  private static func rows(_ store: any MessageStore, _ source: Source, _ keys: ClosedRange<Int64>) async throws
    -> [EmbeddedRow]
  {
    try await store.page(of: source, after: nil, limit: 99).compactMap { message in
      guard case .integer(let key) = message.key, keys.contains(key) else { return nil }
      return EmbeddedRow(message.key, message.text ?? "", [1, 2, 3])
    }
  }

  @Test(arguments: [Edits.clear, .digest], Hook.all.filter(\.movesAgain))
  func `a text that each write of its vector changes gets none, and stays as it was`(
    _ edits: Edits, _ hook: Hook
  ) async throws {
    let source = try Self.source(edits)
    let fixture = try await Self.fixture(source, hook, "true")
    let store = try await fixture.open()
    let outcome = try await store.write(try await Self.rows(store, source, 1...5), to: source)
    #expect(outcome.written.isEmpty && outcome.unfilled.isEmpty)
    let names = edits == .clear ? "triggers hook, zclear" : "trigger hook"
    #expect(Set(outcome.refused.values) == ["its text changes when its vector is written; look at \(names)"])
    #expect(outcome.refused.count == 5)
    #expect(outcome.refusesAll)
    #expect(try await fixture.run("SELECT count(*) FROM messages WHERE stamp = '0' AND embedding IS NULL") == [["20"]])
    await store.close()
  }

  @Test(arguments: [Edits.clear, .digest], Hook.all.filter(\.movesAgain))
  func `one such row keeps no other from its vector`(_ edits: Edits, _ hook: Hook) async throws {
    let source = try Self.source(edits)
    let fixture = try await Self.fixture(source, hook, "NEW.id = 3")
    let store = try await fixture.open()
    let outcome = try await store.write(try await Self.rows(store, source, 1...5), to: source)
    #expect(outcome.written == [1, 2, 4, 5])
    #expect(Array(outcome.refused.keys) == [3])
    #expect(!outcome.refusesAll)
    await store.close()
  }

  @Test(arguments: [Edits.clear, .digest])
  func `a text that a write only brings into its form has its vector after a second one`(_ edits: Edits) async throws {
    let source = try Self.source(edits)
    let hook = try #require(Hook.all.last)
    let fixture = try await Self.fixture(source, hook, "true")
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    let first = try await store.write(try await Self.rows(store, source, 1...5), to: source)
    #expect(first.refused.isEmpty && first.locked.isEmpty)
    var request = PageRequest(limit: 99)
    if edits == .digest { request.rows = .edited }
    let again = try await store.page(of: source, request).messages.filter { $0.text?.hasPrefix("text") == true }
    #expect(again.map(\.key) == [1, 2, 3, 4, 5])
    let second = try await store.write(again.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }, to: source)
    #expect(second.written == [1, 2, 3, 4, 5])
    #expect(try await fixture.run("SELECT count(embedding) FROM messages") == [["5"]])
    await store.close()
  }

  @Test func `a row that somebody else edited meanwhile is none of them`() async throws {
    let source = try Self.source(.digest)
    let fixture = try await Self.fixture(source, Hook.all[0], "false")
    let store = try await fixture.open()
    let rows = try await Self.rows(store, source, 1...5)
    try await fixture.run("UPDATE messages SET content = 'edited' WHERE id IN (2, 4)")
    let outcome = try await store.write(rows, to: source)
    #expect(outcome.written == [1, 3, 5] && outcome.refused.isEmpty)
    await store.close()
  }

  @Test(arguments: [Edits.clear, .ignore])
  func `a text that changes and costs no row its vector keeps none from it`(_ edits: Edits) async throws {
    let source = try Self.source(edits)
    let fixture = try await Self.fixture(Self.source(.ignore), Hook.all[0], "true")
    // As `migrate up` makes it: a vector that comes with another text stays.
    try await fixture.run(
      """
      CREATE TRIGGER zclear BEFORE UPDATE ON messages FOR EACH ROW
        WHEN (OLD.embedding IS NOT NULL AND OLD.stamp IS DISTINCT FROM NEW.stamp) EXECUTE FUNCTION clear();
      ALTER TABLE messages ADD CONSTRAINT odd CHECK (embedding IS NULL OR id <> 3)
      """)
    let store = try await fixture.open()
    let alone = try await store.write(try await Self.rows(store, source, 3...3), to: source)
    #expect(Array(alone.refused.keys) == [3] && !alone.refusesAll)
    #expect(try await store.write(try await Self.rows(store, source, 4...8), to: source).written == [4, 5, 6, 7, 8])
    #expect(try await fixture.run("SELECT count(embedding) FROM messages") == [["5"]])
    await store.close()
  }

  // MARK: Another at each look

  @Test(arguments: [
    "content || now()", "content || random()", "content || clock_timestamp()",
    "content || (SELECT pg_current_xact_id()::text)",
  ])
  func `an expression that is another at each look is refused before anything is paid`(_ sql: String) async throws {
    var source = Source(table: "messages")
    source.text = .sql(sql)
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "quartz", 2: "two"])
    let store = try await fixture.open()
    let refusal = await #expect(throws: Failure.self) { try await store.inspect(source, dimensions: 3) }
    #expect(refusal?.exitCode == .configuration)
    #expect(refusal?.reason.contains("another each time it is read") == true, "\(String(describing: refusal))")
    #expect(refusal?.description.contains("quartz") == false)
    await store.close()
  }

  @Test(arguments: [0, 1, 20])
  func `a text that takes long to read is read twice, and refused where all differ`(_ unsteady: Int) async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert((1...20).map { (key: .integer($0), text: "text \($0)") })
    try await fixture.run(
      """
      CREATE SEQUENCE looks;
      CREATE FUNCTION dear(id bigint, content text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        IF id = 1 THEN PERFORM nextval('looks'), pg_sleep(1.1); END IF;
        RETURN CASE WHEN id <= \(unsteady) THEN content || random() ELSE content END; END $$;
      CREATE VIEW shown AS SELECT id, embedding, dear(id, content) AS content FROM messages
      """)
    let store = try await fixture.open()
    let source = Source(table: "messages", view: TableName("shown"))
    if unsteady == 20 {
      let refusal = await #expect(throws: Failure.self) { try await store.inspect(source, dimensions: 3) }
      #expect(refusal?.reason.contains("another each time it is read") == true)
    } else {
      _ = try await store.inspect(source, dimensions: 3)
    }
    #expect(try await fixture.run("SELECT last_value FROM looks") == [["2"]])
    await store.close()
  }

  @Test func `a view with such a column is refused, and one without it isn't`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one", 2: "two"])
    try await fixture.run(
      """
      CREATE VIEW shaky AS SELECT id, embedding, content || random() AS content FROM messages;
      CREATE VIEW steady AS SELECT id, embedding, content || now()::date AS content FROM messages
      """)
    let store = try await fixture.open()
    func source(_ view: String) -> Source { Source(table: "messages", view: TableName(view)) }
    let refusal = await #expect(throws: Failure.self) { try await store.inspect(source("shaky"), dimensions: 3) }
    #expect(refusal?.subject == "shaky")
    _ = try await store.inspect(source("steady"), dimensions: 3)
    await store.close()
  }
}
