import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

/// Edited rows that no trigger marks, looked for again after a complete search: in PostgreSQL by the transaction that wrote
/// each row.
@Suite struct EditSearchTests {
  private static let source = EditedRowsContractTests.source

  /// A table of five rows that are filled, and a complete search of it.
  ///
  /// Row 1 was edited before that search, which the store alone thinks to have found it: its being told shows that all texts
  /// are read, and its not being told that they aren't.
  private static func searched(
    _ kind: StoreKind, before: (StoreFixture) async throws -> Void = { _ in }
  ) async throws -> (fixture: StoreFixture, store: any MessageStore, searched: SearchedEdits?) {
    let fixture = try await EditedRowsContractTests.fixture(kind, marked: false)
    let texts = ["one", "two", "three", "four", "five"]
    try await fixture.insert(texts.enumerated().map { (.integer(Int64($0 + 1)), $1) })
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    try await store.claim(source)
    let fingerprint = Fingerprint(model: "m", dimensions: 3, text: source.text, preparation: TextPreparation())
    #expect(try await store.record(fingerprint, of: source) == nil)
    let rows = texts.enumerated().map { EmbeddedRow(.integer(Int64($0 + 1)), $1, [1, 1, 1]) }
    #expect(try await store.write(rows, to: source).written.count == 5)
    try await fixture.run("UPDATE messages SET content = 'unseen' WHERE id = 1")
    // Other tests' transactions, which are as old, count too.
    try await poll(fixture, "SELECT 1 FROM messages WHERE id = 1 AND xmin::text::bigint < \(oldest)")
    try await before(fixture)
    try await store.beginEditSearch(of: source, after: nil)
    #expect(try await EditedRowsContractTests.edited(store).map(\.key) == [1])
    return (fixture, store, try await store.endEditSearch(of: source))
  }

  private static let oldest = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

  /// Asks until the query finds a row.
  private static func poll(_ fixture: StoreFixture, _ query: String) async throws {
    while try await fixture.run(query).isEmpty { try await Task.sleep(for: .milliseconds(20)) }
  }

  private static func edited(_ store: any MessageStore, after searched: SearchedEdits?) async throws -> [RowKey] {
    try await store.beginEditSearch(of: source, after: searched)
    return try await EditedRowsContractTests.edited(store).map(\.key)
  }

  @Test(arguments: StoreKind.postgres)
  func `only rows that were written since the last complete search are compared, whoever wrote them and however`(
    _ kind: StoreKind
  ) async throws {
    let (fixture, store, searched) = try await Self.searched(kind)
    #expect(try await Self.edited(store, after: searched) == [])
    try await fixture.run(
      """
      SET session_replication_role = replica;
      UPDATE messages SET content = 'new' WHERE id IN (2, 4);
      UPDATE messages SET role = 'x' WHERE id = 3;
      """)
    // Freezing leaves a row's transaction as it was.
    try await fixture.run("VACUUM (FREEZE) messages")
    #expect(try await Self.edited(store, after: searched) == [2, 4])
    let new = [2, 4].map { EmbeddedRow(.integer($0), "new", [2, 2, 2]) }
    #expect(try await store.write(new, to: Self.source).written == [2, 4])
    try await Self.poll(fixture, "SELECT 1 WHERE \(Self.oldest) > \(searched?.point ?? "")")
    #expect(try await Self.edited(store, after: searched) == [])
    let again = try #require(try await store.endEditSearch(of: Self.source))
    #expect(again.point != searched?.point)
    #expect(try await Self.edited(store, after: again) == [])
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `an edit in a transaction that began before the search and is committed after it is found by the next`(
    _ kind: StoreKind
  ) async throws {
    let committing = Locked<(hold: Hold, edit: Task<Void, any Error>)?>(nil)
    let (fixture, store, searched) = try await Self.searched(kind) { fixture in
      let hold = try Hold("SELECT pg_advisory_xact_lock(7)", on: fixture.url)
      let edit = Task {
        _ = try await fixture.run(
          "BEGIN; UPDATE messages SET content = 'late' WHERE id = 5; SELECT pg_advisory_xact_lock(7); COMMIT")
      }
      try await Self.poll(
        fixture, "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'")
      committing.withLock { $0 = (hold, edit) }
    }
    #expect(try await Self.edited(store, after: searched) == [])
    let (hold, edit) = try #require(committing.withLock { $0 })
    hold.release()
    try await edit.value
    #expect(try await fixture.run("SELECT id FROM messages WHERE content = 'late'") == [["5"]])
    #expect(try await Self.edited(store, after: searched) == [5])
    await store.close()
  }

  /// What keeps a search from trusting the one before.
  enum Loss: CaseIterable {
    case none, ofAnotherState, ofAnotherText, ofTheFuture, tooOld, noRecord, anotherDatabase
  }

  @Test(arguments: StoreKind.postgres, Loss.allCases.filter { $0 != .none })
  func `where the database doesn't prove that the last search was of its own past, every text is read`(
    _ kind: StoreKind, _ loss: Loss
  ) async throws {
    let (fixture, store, found) = try await Self.searched(kind)
    var searched = try #require(found)
    #expect(try await Self.edited(store, after: searched) == [])
    let point = try #require(UInt64(searched.point))
    switch loss {
    case .none: break
    // As a copy of yesterday's disk has it.
    case .ofAnotherState:
      try await fixture.run("UPDATE vecfill_column SET recorded_at = recorded_at - interval '1 day'")
    case .ofAnotherText:
      searched = SearchedEdits(point: searched.point, mark: searched.mark, scope: "another")
    case .ofTheFuture:
      searched = SearchedEdits(point: "\(point + 1_000_000)", mark: searched.mark, scope: searched.scope)
    case .tooOld:
      searched = SearchedEdits(point: "\(Int64(point) - (1 << 30))", mark: searched.mark, scope: searched.scope)
    case .noRecord: try await fixture.run("DELETE FROM vecfill_column")
    case .anotherDatabase: try await fixture.run("UPDATE vecfill_column SET database = 'another'")
    }
    #expect(try await Self.edited(store, after: searched) == [1])
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `a condition or a text that other rows may change is searched whole each time`(_ kind: StoreKind) async throws {
    let (fixture, store, _) = try await Self.searched(kind)
    try await fixture.run(
      "CREATE TYPE mood AS ENUM ('good'); ALTER TABLE messages ADD COLUMN more mood")
    var conditioned = Self.source
    conditioned.condition = "EXISTS (SELECT 1)"
    var expression = Self.source
    expression.text = .sql("(SELECT content)")
    var labelled = Self.source
    labelled.text = .columns(["content", "more"])
    for source in [conditioned, expression, labelled] {
      _ = try await store.inspect(source, dimensions: 3)
      try await store.beginEditSearch(of: source, after: nil)
      #expect(try await store.endEditSearch(of: source) == nil)
    }
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `rows that became the table's with another table are compared, however old they are`(_ kind: StoreKind)
    async throws
  {
    let (fixture, store, _) = try await Self.searched(kind)
    try await fixture.run(
      """
      CREATE TABLE child (LIKE messages INCLUDING ALL);
      INSERT INTO child SELECT id + 100, content, role, embedding, '\\xff' FROM messages WHERE id = 1;
      """)
    try await store.beginEditSearch(of: Self.source, after: nil)
    let searched = try await store.endEditSearch(of: Self.source)
    #expect(try await Self.edited(store, after: searched) == [])
    try await fixture.run("ALTER TABLE child INHERIT messages")
    #expect(try await Self.edited(store, after: searched) == [101])
    await store.close()
  }
}
