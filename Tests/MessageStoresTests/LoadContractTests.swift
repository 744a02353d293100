import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

/// `load` writes what `write` would, and tells the same.
@Suite struct LoadContractTests {
  private static let texts: [Int64: String?] = [1: "one", 2: "odd two", 3: "three", 4: "odd four", 5: "five"]
  private static let rows = texts.sorted { $0.key < $1.key }.map { key, text in
    EmbeddedRow(.integer(key), text ?? "", [Float(key), 0, 1])
  }

  @Test(arguments: StoreKind.allCases)
  func `rows that still hold the text and lack a vector are written, and no other`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert(Self.texts)
    let store = try await fixture.open()
    try await fixture.run("UPDATE messages SET content = 'edited' WHERE id = 3; DELETE FROM messages WHERE id = 5")
    let outcome = try await store.load(Self.rows, to: fixture.source)
    #expect(outcome.written == [1, 2, 4])
    #expect(outcome.refused.isEmpty && outcome.locked.isEmpty && outcome.unfilled.isEmpty)
    let again = try await store.load(
      Self.rows.map { EmbeddedRow(key: $0.key, digest: $0.digest, vector: [9, 9, 9]) }, to: fixture.source)
    #expect(again == WriteOutcome())
    #expect(try await fixture.vectors() == ["1": [1, 0, 1], "2": [2, 0, 1], "4": [4, 0, 1]])
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `a row that a trigger refuses keeps no other from being loaded`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert(Self.texts)
    let store = try await fixture.open()
    try await fixture.refuseOddRows()
    let outcome = try await store.load(Self.rows, to: fixture.source)
    #expect(outcome.written == [1, 3, 5] && Set(outcome.refused.keys) == [2, 4])
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `the rows go through a stage, and where none can be made they are written all the same`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert(Self.texts)
    let store = try await fixture.open()
    try await fixture.run(
      """
      CREATE TABLE stages (made text);
      CREATE FUNCTION tell_stage() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO stages VALUES (tg_tag); END $$;
      CREATE EVENT TRIGGER tell_stage ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION tell_stage();
      """)
    #expect(try await store.load(Array(Self.rows.prefix(2)), to: fixture.source).written == [1, 2])
    #expect(try await fixture.run("SELECT made FROM stages") == [["CREATE TABLE"]])
    // As a role without the right to TEMP.
    try await fixture.run(
      """
      CREATE FUNCTION no_stage() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'none' USING ERRCODE = '42501'; END $$;
      CREATE EVENT TRIGGER no_stage ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION no_stage();
      """)
    #expect(try await store.load(Self.rows, to: fixture.source).written == [3, 4, 5])
    #expect(try await fixture.vectors().count == 5)
    await store.close()
  }
}
