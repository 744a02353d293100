import Backfill
import MessageStores
import TestSupport
import Testing

/// Tables that take no vector at all, told from those with a few odd rows.
@Suite struct RefusingTableContractTests {
  /// What refuses each row whose number is in `rows`, SQL.
  struct Hook: CustomTestStringConvertible {
    let testDescription: String
    let isPostgres: Bool
    let script: @Sendable (_ rows: String) -> String

    static func trigger(_ name: String, _ body: String, _ when: String = "BEFORE UPDATE") -> Hook {
      Hook(testDescription: name, isPostgres: true) { rows in
        """
        CREATE FUNCTION hook() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.id IN (SELECT \(rows)) AND NEW.embedding IS NOT NULL THEN \(body) END IF; RETURN NEW; END $$;
        CREATE \(when.hasPrefix("CONSTRAINT") ? when : "TRIGGER hook \(when) ON messages")
          FOR EACH ROW EXECUTE FUNCTION hook()
        """
      }
    }

    static let empties = "UPDATE messages SET embedding = NULL WHERE id = NEW.id;"

    static let all: [Hook] = [
      .trigger("a setting that nobody made", "PERFORM current_setting('app.user_id');"),
      .trigger("RAISE", "RAISE 'not this role';"),
      .trigger("a missing table", "INSERT INTO audits VALUES (NEW.id);"),
      .trigger("a trigger that empties", "NEW.embedding := NULL;"),
      .trigger("RETURN NULL", "RETURN NULL;"),
      .trigger("an AFTER trigger that empties", empties, "AFTER UPDATE"),
      .trigger(
        "one at COMMIT", "RAISE 'late';",
        "CONSTRAINT TRIGGER late AFTER UPDATE ON messages DEFERRABLE INITIALLY DEFERRED"),
      Hook(testDescription: "a check of the vector's length", isPostgres: true) { rows in
        let norm = "CASE WHEN \(rows == SQL.allRows ? "true" : "id = 3") THEN vector_norm(embedding) ELSE 1 END"
        return "ALTER TABLE messages ADD CONSTRAINT unit CHECK (\(norm) BETWEEN 0.99 AND 1.01)"
      },
      Hook(testDescription: "RAISE(ABORT)", isPostgres: false) { sqlite($0, "SELECT RAISE(ABORT, 'no')") },
      Hook(testDescription: "RAISE(ROLLBACK)", isPostgres: false) { sqlite($0, "SELECT RAISE(ROLLBACK, 'no')") },
      Hook(testDescription: "RAISE(IGNORE)", isPostgres: false) { sqlite($0, "SELECT RAISE(IGNORE)") },
      .resets(to: "''"), .resets(to: "'null'"), .resets(to: "'[]'"), .resets(to: "x''"),
    ]

    /// A trigger of SQLite's that sets the vector to what stands for none.
    private static func resets(to none: String) -> Hook {
      Hook(testDescription: "a trigger that resets to \(none)", isPostgres: false) { rows in
        """
        CREATE TRIGGER hook AFTER UPDATE ON messages WHEN NEW.id IN (SELECT \(rows))
        BEGIN UPDATE messages SET embedding = \(none) WHERE id = NEW.id; END
        """
      }
    }

    private static func sqlite(_ rows: String, _ body: String) -> String {
      "CREATE TRIGGER hook BEFORE UPDATE ON messages WHEN NEW.id IN (SELECT \(rows)) BEGIN \(body); END"
    }
  }

  enum SQL {
    static let allRows = "id FROM messages"
    static let third = "3"
  }

  static let cases = StoreKind.allCases.flatMap { kind in
    Hook.all.filter { $0.isPostgres == kind.isPostgres }.map { (kind, $0) }
  }

  private static func outcome(
    _ kind: StoreKind, _ hook: Hook, of rows: String, writing keys: ClosedRange<Int64>, in count: Int64 = 30
  ) async throws -> (outcome: WriteOutcome, fixture: StoreFixture) {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert((1...count).map { (key: .integer($0), text: "text \($0)") })
    try await fixture.run(hook.script(rows))
    let store = try await fixture.open()
    let written = keys.map { EmbeddedRow(.integer($0), "text \($0)", [3, 4, 0]) }
    let outcome = try await store.write(written, to: fixture.source)
    await store.close()
    return (outcome, fixture)
  }

  @Test(arguments: cases)
  func `a table that takes no row's vector is told, after other rows were tried in vain`(
    _ kind: StoreKind, _ hook: Hook
  ) async throws {
    let (outcome, fixture) = try await Self.outcome(kind, hook, of: SQL.allRows, writing: 1...5)
    #expect(outcome.refusesAll)
    #expect(outcome.refused.count + outcome.unfilled.count == 5)
    #expect(try await fixture.vectors().isEmpty)
  }

  @Test(arguments: cases)
  func `an odd row is none, though it is written alone, and the rows that were tried keep nothing of it`(
    _ kind: StoreKind, _ hook: Hook
  ) async throws {
    let (outcome, fixture) = try await Self.outcome(kind, hook, of: SQL.third, writing: 3...3)
    #expect(!outcome.refusesAll)
    #expect(outcome.refused.count + outcome.unfilled.count == 1)
    #expect(try await fixture.vectors().isEmpty)
  }

  @Test(arguments: cases)
  func `where nothing but odd rows is left, those that have a vector show that the table takes them`(
    _ kind: StoreKind, _ hook: Hook
  ) async throws {
    let odd = "id FROM messages WHERE id <= 25"
    guard hook.script(odd).contains(odd) else { return }
    let fixture = try await StoreFixture(kind)
    try await fixture.insert((1...30).map { (key: .integer($0), text: "text \($0)") })
    for key in 26...30 { try await fixture.fill(.integer(Int64(key)), with: [1, 0, 0]) }
    try await fixture.run(hook.script(odd))
    let store = try await fixture.open()
    let rows = (1...10).map { EmbeddedRow(.integer($0), "text \($0)", [3, 4, 0]) }
    let outcome = try await store.write(rows, to: fixture.source)
    #expect(outcome.refused.count + outcome.unfilled.count == 10)
    #expect(!outcome.refusesAll)
    let vectors = try await fixture.vectors()
    #expect(vectors.count == 5 && vectors.values.allSatisfy { $0 == [1, 0, 0] }, "the trial left nothing")
    await store.close()
  }

  @Test(arguments: StoreKind.allCases, ["1", "15", "30", "1, 30"])
  func `a row whose text fails is no obstacle to trying others`(_ kind: StoreKind, _ broken: String) async throws {
    for isTable in [false, true] {
      var source = Source(
        table: "messages", text: .sql(kind.isPostgres ? "content::json->>'t'" : "json_extract(content, '$.t')"))
      source.edits = .digest
      let fixture = try await StoreFixture(kind)
      try await fixture.run("ALTER TABLE messages ADD COLUMN embedding_digest \(kind.isPostgres ? "bytea" : "BLOB")")
      try await fixture.insert((1...30).map { (key: .integer($0), text: "{\"t\":\"\($0)\"}") })
      try await fixture.run("UPDATE messages SET content = '{bad' WHERE id IN (\(broken))")
      let hook = try #require(Hook.all.first { $0.isPostgres == kind.isPostgres })
      try await fixture.run(hook.script(isTable ? SQL.allRows : "id FROM messages WHERE id BETWEEN 3 AND 9"))
      let store = try await fixture.open()
      let rows = (3...9).map { EmbeddedRow(.integer($0), "\($0)", [3, 4, 0]) }
      let outcome = try await store.write(rows, to: source)
      #expect(outcome.refused.count == 7)
      if !isTable { #expect(!outcome.refusesAll) }
      await store.close()
    }
  }

  @Test(arguments: StoreKind.postgres, [15, 20] as [Int64])
  func `a row that another transaction holds leaves doubt, since it may be the one that takes a vector`(
    _ kind: StoreKind, _ count: Int64
  ) async throws {
    let hook = try #require(Hook.all.first { $0.isPostgres })
    for isHeld in [false, true] {
      let fixture = try await StoreFixture(kind)
      try await fixture.insert((1...20).map { (key: .integer($0), text: "text \($0)") })
      try await fixture.run(hook.script("id FROM messages WHERE id < 20"))
      let store = try await fixture.open()
      let rows = (1...count).map { EmbeddedRow(.integer($0), "text \($0)", [3, 4, 0]) }
      let hold = isHeld ? try Hold("SELECT FROM messages WHERE id = 20 FOR UPDATE", on: fixture.url) : nil
      let outcome = try await store.write(rows, to: fixture.source)
      hold?.release()
      #expect(outcome.refused.count == Int(min(count, 19)))
      #expect(outcome.refusesAll == isHeld && outcome.leavesDoubt == isHeld)
      await store.close()
    }
  }

  @Test(arguments: StoreKind.allCases)
  func `a row of the same write that another has filled shows that the table takes vectors`(
    _ kind: StoreKind
  ) async throws {
    let hook = try #require(Hook.all.first { $0.isPostgres == kind.isPostgres })
    let fixture = try await StoreFixture(kind)
    try await fixture.insert((1...20).map { (key: .integer($0), text: "text \($0)") })
    let store = try await fixture.open()
    _ = try await store.write([EmbeddedRow(.integer(20), "text 20", [3, 4, 0])], to: fixture.source)
    try await fixture.run(hook.script("id FROM messages WHERE id < 20"))
    let outcome = try await store.write(
      (1...20).map { EmbeddedRow(.integer($0), "text \($0)", [3, 4, 0]) }, to: fixture.source)
    #expect(outcome.refused.count == 19)
    #expect(!outcome.refusesAll)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a few rows say nothing of a table, a dozen do`(_ kind: StoreKind) async throws {
    let hook = try #require(Hook.all.first { $0.isPostgres == kind.isPostgres })
    for count in [11, 12] as [Int64] {
      let (outcome, _) = try await Self.outcome(kind, hook, of: SQL.allRows, writing: 1...count, in: count)
      #expect(outcome.refusesAll == (count == 12), "\(count) rows")
    }
  }
}
