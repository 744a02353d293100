import Backfill
import Foundation
import MessageStores
import PgVector
import TestSupport
import Testing

/// `edits: {digest: table}`: the digests are in a table of vecfill's own.
@Suite struct DigestTableTests {
  private static func source(_ keys: [String]) -> Source {
    var source = Source(table: "messages", keys: keys, text: "content")
    source.edits = .digest
    source.keepsDigestsApart = true
    return source
  }

  private static let plain = source(["id"])
  private static let digests = DigestTable.name(of: plain).plain

  private static func fixture(_ kind: StoreKind, key: RowKey.Kind = .integer, _ source: Source = plain) async throws
    -> StoreFixture
  {
    let fixture = try await StoreFixture(kind, key: key, source: source)
    let keys = source.keys.joined(separator: ", ")
    try await fixture.run(
      """
      CREATE TABLE \(digests) AS SELECT \(keys), ''::bytea AS digest FROM messages WITH NO DATA;
      ALTER TABLE \(digests) ADD PRIMARY KEY (\(keys));
      """)
    return fixture
  }

  private static func edited(_ store: any MessageStore, _ source: Source = plain) async throws -> [RowKey] {
    try await store.pages(of: source, EditedRowsContractTests.edited).flatMap(\.messages).map(\.key)
  }

  @Test(arguments: StoreKind.postgres, [false, true])
  func `an edited row is found by the table's digest, and only a vector of its present text is written`(
    _ kind: StoreKind, _ isComposite: Bool
  ) async throws {
    let source = Self.source(isComposite ? ["part", "id"] : ["id"])
    let fixture = try await Self.fixture(kind, key: isComposite ? .composite([.text, .integer]) : .integer, source)
    let keys: [RowKey] = (1...3).map { isComposite ? .composite([.text("p"), .integer($0)]) : .integer($0) }
    try await fixture.insert(zip(keys, ["one", "two", "three"]).map { ($0, $1) })
    let store = try await fixture.open()
    #expect(try await store.inspect(source, dimensions: 3).warnings.filter { $0.contains("edited") } == [])
    let rows = zip(keys, ["one", "two", "three"]).map { EmbeddedRow($0, $1, [1, 1, 1]) }
    #expect(try await store.write(rows, to: source).written == Set(keys))
    #expect(try await Self.edited(store, source) == [])
    try await fixture.run(
      "UPDATE messages SET content = 'new' WHERE id = 2; UPDATE messages SET role = 'x' WHERE id = 3")
    #expect(try await Self.edited(store, source) == [keys[1]])
    #expect(try await store.write([EmbeddedRow(keys[1], "two", [2, 2, 2])], to: source).written == [])
    let new = [EmbeddedRow(keys[1], "new", [2, 2, 2]), EmbeddedRow(keys[2], "three", [3, 3, 3])]
    let outcome = try await store.write(new, to: source)
    #expect(outcome.written == [keys[1]] && outcome.unfilled.isEmpty)
    #expect(try await Self.edited(store, source) == [])
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `an edit that is committed while the write waits for the row keeps the vector of the earlier text away`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await Self.fixture(kind)
    try await fixture.insert([1: "one"])
    let store = try await fixture.openImpatient(lockTimeout: .seconds(60))
    #expect(try await store.write([EmbeddedRow(1, "one", [1, 1, 1])], to: Self.plain).written == [1])
    try await fixture.run("UPDATE messages SET content = 'two'")
    let hold = try Hold("SELECT pg_advisory_xact_lock(7)", on: fixture.url)
    async let edit = fixture.run(
      "BEGIN; UPDATE messages SET content = 'three'; SELECT pg_advisory_xact_lock(7); COMMIT")
    try await Self.poll(fixture, "wait_event = 'advisory'")
    async let late = store.write([EmbeddedRow(1, "two", [2, 2, 2])], to: Self.plain)
    try await Self.poll(fixture, "wait_event = 'transactionid'")
    hold.release()
    _ = try await edit
    #expect(try await late.written == [])
    #expect(try await Self.edited(store) == [1])
    #expect(try await fixture.vectors() == ["1": [1, 1, 1]])
    await store.close()
  }

  private static func poll(_ fixture: StoreFixture, _ condition: String) async throws {
    let query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND \(condition)"
    while try await fixture.run(query).isEmpty { try await Task.sleep(for: .milliseconds(20)) }
  }

  /// More rows than a window of the upkeep has.
  @Test(arguments: StoreKind.postgres)
  func `a complete search drops deleted rows' digests, and takes vectors without one for current ones`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await Self.fixture(kind)
    try await fixture.run(
      """
      INSERT INTO messages (id, content, embedding)
        SELECT i, CASE WHEN i <> 5 THEN 'text ' || i END, '[1,1,1]' FROM generate_series(1, 12000) i;
      INSERT INTO \(Self.digests) SELECT i, '\\xff' FROM generate_series(6000, 30000) i;
      """)
    let store = try await fixture.open()
    _ = try await store.inspect(Self.plain, dimensions: 3)
    try await store.beginEditSearch(of: Self.plain, after: nil)
    _ = try await store.endEditSearch(of: Self.plain)
    let digests = try await fixture.run(
      "SELECT count(*), count(*) FILTER (WHERE digest = '\\xff'), max(id) FROM \(Self.digests)")
    #expect(digests == [["11999", "6001", "12000"]])
    try await fixture.run("UPDATE \(Self.digests) SET digest = sha256(convert_to('text ' || id, 'UTF8'))")
    try await fixture.run("UPDATE messages SET content = 'edited' WHERE id = 3")
    #expect(try await Self.edited(store) == [3])
    await store.close()
  }

  /// What is wrong with the table, and how it is told.
  static let faults: [(sql: String, told: String)] = [
    ("DROP TABLE \(digests)", "migrate up JOB"),
    ("ALTER TABLE \(digests) ADD COLUMN more int", "its columns are not the key"),
    ("ALTER TABLE \(digests) ALTER digest TYPE text", "its columns are not the key"),
    ("SELECT 1", "lacks the right to INSERT"),
  ]

  @Test(arguments: faults)
  func `a table that can't be used is refused before anything is asked for`(_ fault: (sql: String, told: String))
    async throws
  {
    let fixture = try await Self.fixture(.postgres18)
    let role = "digests_\(UInt32.random(in: 0...UInt32.max))"
    try await fixture.run(
      "CREATE ROLE \(role) LOGIN; GRANT SELECT, UPDATE ON messages TO \(role); GRANT SELECT ON \(Self.digests) TO \(role)"
    )
    try await fixture.run(fault.sql)
    let store = try await fixture.openImpatient(as: role)
    let failure = await #expect(throws: Failure.self) { try await store.inspect(Self.plain, dimensions: 3) }
    #expect(failure?.description.contains(fault.told) == true, "\(String(describing: failure))")
    await store.close()
  }

  @Test(arguments: StoreKind.sqlite)
  func `SQLite has no such table`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind, source: Self.plain)
    let store = try await fixture.open()
    let failure = await #expect(throws: Failure.self) { try await store.inspect(Self.plain, dimensions: 3) }
    #expect(failure?.exitCode == .configuration && failure?.reason.contains("needs PostgreSQL") == true)
    await store.close()
  }
}
