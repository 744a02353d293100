import Backfill
import Foundation
import MessageStores
import PgVector
import Postgres
import TestSupport
import Testing

/// Pages, counts and keys as PostgreSQL gives them: in bounded statements, under limits of the store's own.
@Suite struct PostgresReadingTests {
  /// All pages of a range, one by one.
  static func pages(
    _ store: any MessageStore, _ source: Source, _ request: PageRequest
  ) async throws -> [MessagePage] {
    var pages: [MessagePage] = []
    var request = request
    repeat {
      let page = try await store.page(of: source, request)
      pages.append(page)
      request.after = page.continuesAfter
    } while pages.last?.continuesAfter != nil
    return pages
  }

  @Test(arguments: StoreKind.postgres, [true, false])
  func `a few missing rows among many are found in bounded windows`(_ kind: StoreKind, _ hasIndex: Bool) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.run(
      """
      INSERT INTO messages (id, content, embedding) SELECT n, 'text', CASE WHEN n % 20011 <> 0 THEN '[1,2,3]'::vector END
        FROM generate_series(1, 70000) AS n;
      \(hasIndex ? "CREATE INDEX ON messages (id) WHERE embedding IS NULL" : "SELECT 1")
      """)
    let store = try await fixture.open()
    _ = try await store.inspect(fixture.source, dimensions: 3)
    let pages = try await Self.pages(store, fixture.source, PageRequest(limit: 100))
    #expect(pages.flatMap(\.messages).map(\.key) == [20_011, 40_022, 60_033])
    #expect(pages.count == (hasIndex ? 1 : 4))
    #expect(pages.dropLast().map(\.continuesAfter) == (hasIndex ? [] : [20_000, 40_000, 60_000]))
    let part = try await Self.pages(store, fixture.source, PageRequest(after: 20_011, through: 40_022, limit: 1))
    #expect(part.flatMap(\.messages).map(\.key) == [40_022])
    #expect(try await store.countRemaining(in: fixture.source) == 3)
    #expect(try await store.lastKey(of: fixture.source) == 70_000)
    await store.close()
  }

  @Test func `a condition that few rows meet is looked for in windows too`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.run(
      """
      INSERT INTO messages (id, content) SELECT n, 'text' FROM generate_series(1, 50000) AS n;
      CREATE INDEX ON messages (id) WHERE embedding IS NULL
      """)
    var source = fixture.source
    source.condition = "id % 25000 = 0"
    let store = try await fixture.open()
    let pages = try await Self.pages(store, source, PageRequest(limit: 100))
    #expect(pages.map { $0.messages.map(\.key) } == [[], [25_000], [50_000]])
    #expect(try await store.countRemaining(in: source) == 2)
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `blank rows come without their text, or not at all`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert([1: nil, 2: "", 3: " \t\r\n", 4: "x", 5: " y "])
    let store = try await fixture.open()
    #expect(try await store.page(of: fixture.source, after: nil, limit: 9).map(\.text) == [nil, nil, nil, "x", " y "])
    let page = try await store.page(of: fixture.source, PageRequest(limit: 1, leavesOutBlank: true))
    #expect(page.messages == [Message(key: 4, text: "x")])
    let rest = try await store.page(of: fixture.source, PageRequest(after: 4, limit: 9, leavesOutBlank: true))
    #expect(rest == MessagePage([Message(key: 5, text: " y ")], continuesAfter: nil))
    await store.close()
  }

  @Test func `a role's own limits end no read and no write`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    let name = try #require(fixture.url.split(separator: "/").last)
    try await fixture.run(
      """
      INSERT INTO messages (id, content) SELECT n, 'text' FROM generate_series(1, 100) AS n;
      CREATE FUNCTION slow(n bigint) RETURNS boolean LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.002); RETURN true; END';
      ALTER ROLE postgres IN DATABASE \(name) SET statement_timeout = '100ms';
      ALTER ROLE postgres IN DATABASE \(name) SET lock_timeout = '1ms'
      """)
    var source = fixture.source
    source.condition = "slow(id)"
    let url = try DatabaseURL(fixture.url)
    // The proof: the same condition without the store's own limit.
    let plain = try await PostgresConnection.connect(to: url, applicationName: "plain")
    let failure = await #expect(throws: PostgresError.self) {
      try await plain.query("SELECT count(*) FROM messages WHERE slow(id)")
    }
    #expect(failure?.sqlState == "57014")
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    #expect(try await store.countRemaining(in: source) == 100)
    let page = try await store.page(of: source, after: nil, limit: 100)
    #expect(page.count == 100)
    let rows = page.map { EmbeddedRow($0.key, "text", [1, 2, 3]) }
    #expect(try await store.write(rows, to: source).written.count == 100)
    await store.close()
  }

  @Test func `rows that PostgreSQL stops showing are an error, not a finished table`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one", 2: "two", 3: "three"])
    let role = "role_\(UUID().uuidString)"
    try await fixture.run("CREATE ROLE \"\(role)\" LOGIN; GRANT SELECT, UPDATE ON messages TO \"\(role)\"")
    let url = fixture.url.replacing("postgres@", with: "\(role)@")
    let store = try await DatabaseURL(url).openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(fixture.source, dimensions: 3)
    #expect(try await store.page(of: fixture.source, after: nil, limit: 2).count == 2)
    try await fixture.run("ALTER TABLE messages ENABLE ROW LEVEL SECURITY")
    let hidden = try await PostgresConnection.connect(to: DatabaseURL(url), applicationName: "plain")
    #expect(try await hidden.query("SELECT count(*) FROM messages")[0][0] == "0")
    let source = fixture.source
    for read in [
      { _ = try await store.page(of: source, after: nil, limit: 2) },
      { _ = try await store.countRemaining(in: source) },
      { _ = try await store.lastKey(of: source) },
      { _ = try await store.write([EmbeddedRow(1, "one", [1, 2, 3])], to: source) },
      { _ = try await store.nearest(to: [1, 2, 3], in: source, limit: 1) },
    ] as [() async throws -> Void] {
      let failure = await #expect(throws: Failure.self) { try await read() }
      #expect(failure?.exitCode == .denied)
      #expect(failure?.reason.contains("SQLSTATE 42501") == true)
    }
    await store.close()
  }

  @Test(arguments: ["r", "p"])
  func `a large table without an index of its missing rows is told the statement that makes it`(
    _ kind: String
  ) async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    try await fixture.run(
      """
      CREATE SCHEMA "My app";
      CREATE TABLE "My app".m (id int, n int, content text, "Vector" vector(3), PRIMARY KEY (id, n))
        \(kind == "p" ? "PARTITION BY HASH (id); CREATE TABLE one PARTITION OF \"My app\".m DEFAULT" : "")
      """.replacing("DEFAULT", with: "FOR VALUES WITH (MODULUS 1, REMAINDER 0)"))
    let source = Source(schema: "My app", table: "m", vector: "Vector")
    let store = try await fixture.open()
    #expect(try await store.inspect(source, dimensions: 3).warnings.isEmpty)
    try await fixture.run(
      "INSERT INTO \"My app\".m SELECT n, n, 'x', '[1,2,3]' FROM generate_series(1, 100100) AS n; ANALYZE")
    let warnings = try await store.inspect(source, dimensions: 3).warnings
    #expect(warnings.count == 1)
    let warning = try #require(warnings.first)
    let statement = String(warning.drop { $0 != ":" }.dropFirst(2))
    #expect(
      statement
        == "CREATE INDEX \(kind == "r" ? "CONCURRENTLY " : "")ON \"My app\".m (id, n) WHERE "
        + MissingRowsIndex.texts.predicate(vector: "Vector", text: "content"))
    try await fixture.run(statement)
    #expect(try await store.inspect(source, dimensions: 3).warnings.isEmpty)
    await store.close()
  }
}
