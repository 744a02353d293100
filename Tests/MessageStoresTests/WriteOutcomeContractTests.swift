import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

/// What a write tells of rows that take no vector.
@Suite struct WriteOutcomeContractTests {
  private static let texts: [Int64: String?] = [1: "one", 2: "odd two", 3: "three", 4: "odd four", 5: "five"]
  private static let rows = texts.sorted { $0.key < $1.key }.map { key, text in
    EmbeddedRow(.integer(key), text ?? "", [Float(key), 0, 1])
  }

  private func store(_ kind: StoreKind) async throws -> (StoreFixture, any MessageStore) {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert(Self.texts)
    return (fixture, try await fixture.open())
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `rows that a trigger refuses keep no other from being written`(_ kind: StoreKind) async throws {
    let (fixture, store) = try await store(kind)
    try await fixture.refuseOddRows()
    for time in 1...2 {
      let outcome = try await store.write(Self.rows, to: fixture.source)
      #expect(outcome.written == (time == 1 ? [1, 3, 5] : []))
      #expect(Set(outcome.refused.keys) == [2, 4])
      for reason in outcome.refused.values {
        #expect(reason.contains(kind.isPostgres ? "45000" : "SQLITE_CONSTRAINT_TRIGGER"))
        #expect(reason.contains("guard") && !reason.contains("odd"))
      }
      #expect(outcome.unfilled.isEmpty && outcome.locked.isEmpty)
      #expect(try await Set(fixture.vectors().keys) == ["1", "3", "5"])
    }
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `rows that break a check keep no other from being written`(
    _ kind: StoreKind
  ) async throws {
    // SQLite looks only at checks that name the column which is written, and takes none for a table that is there.
    let check = "CONSTRAINT short CHECK (embedding IS NULL OR length(content) < 6)"
    let fixture = try await StoreFixture(
      kind, column: kind.isPostgres ? nil : "\(kind == .sqliteVector ? "VECTOR(3)" : "BLOB") \(check)")
    try await fixture.insert(Self.texts)
    if kind.isPostgres { try await fixture.run("ALTER TABLE messages ADD \(check) NOT VALID") }
    let store = try await fixture.open()
    let outcome = try await store.write(Self.rows, to: fixture.source)
    #expect(outcome.written == [1, 3, 5])
    #expect(Set(outcome.refused.keys) == [2, 4])
    #expect(outcome.refused.values.allSatisfy { $0.contains("short") && !$0.contains("odd") })
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `where every row is refused, nothing is written and each is told`(_ kind: StoreKind) async throws {
    let (fixture, store) = try await store(kind)
    try await fixture.refuseOddRows()
    let rows = [EmbeddedRow(2, "odd two", [1, 2, 3]), EmbeddedRow(4, "odd four", [1, 2, 3])]
    let outcome = try await store.write(rows, to: fixture.source)
    #expect(outcome.written.isEmpty && Set(outcome.refused.keys) == [2, 4])
    #expect(try await fixture.vectors().isEmpty)
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `rows that hold no vector after the write are told, with what may have undone it`(
    _ kind: StoreKind
  ) async throws {
    let (fixture, store) = try await store(kind)
    try await fixture.forgetOddRows()
    for time in 1...2 {
      let outcome = try await store.write(Self.rows, to: fixture.source)
      #expect(outcome.written == (time == 1 ? [1, 3, 5] : []))
      #expect(outcome.unfilled == [2, 4])
      #expect(outcome.hooks.contains("forget"))
      #expect(outcome.refused.isEmpty)
    }
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `a write that the database drops without a word is told`(_ kind: StoreKind) async throws {
    let (fixture, store) = try await store(kind)
    try await fixture.run(
      kind.isPostgres
        ? """
        CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
        CREATE TRIGGER skipper BEFORE UPDATE ON messages FOR EACH ROW WHEN (NEW.content LIKE 'odd%')
          EXECUTE FUNCTION skip()
        """
        : """
        CREATE TRIGGER skipper BEFORE UPDATE ON messages WHEN NEW.content LIKE 'odd%'
          BEGIN SELECT RAISE(IGNORE); END
        """)
    let outcome = try await store.write(Self.rows, to: fixture.source)
    #expect(outcome.written == [1, 3, 5])
    #expect(outcome.unfilled == [2, 4])
    #expect(outcome.hooks.contains("skipper"))
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `a row that no longer meets the condition is not written, and in no set`(_ kind: StoreKind) async throws {
    let (fixture, store) = try await store(kind)
    var source = fixture.source
    source.condition = "role = 'user' -- or so"
    #expect(try await store.page(of: source, PageRequest(limit: 9)).messages.count == 5)
    try await fixture.run("UPDATE messages SET role = 'assistant' WHERE id IN (1, 4)")
    let outcome = try await store.write(Self.rows, to: source)
    #expect(outcome.written == [2, 3, 5])
    #expect(outcome.refused.isEmpty && outcome.unfilled.isEmpty && outcome.locked.isEmpty)
    #expect(try await Set(fixture.vectors().keys) == ["2", "3", "5"])
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `edited, deleted and filled rows are in no set, though a trigger works on them`(_ kind: StoreKind) async throws {
    let (fixture, store) = try await store(kind)
    try await fixture.run("UPDATE messages SET content = 'odd one' WHERE id = 1; DELETE FROM messages WHERE id = 3")
    try await fixture.fill(5, with: [9, 9, 9])
    try await fixture.refuseOddRows()
    let outcome = try await store.write(Self.rows, to: fixture.source)
    #expect(outcome.written.isEmpty && outcome.unfilled.isEmpty)
    #expect(Set(outcome.refused.keys) == [2, 4])
    #expect(try await fixture.vectors() == ["5": [9, 9, 9]])
    await store.close()
  }
}
