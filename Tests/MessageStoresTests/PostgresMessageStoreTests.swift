import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// What only PostgreSQL has.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct PostgresMessageStoreTests {
  @Test(arguments: StoreKind.postgres)
  func `a halfvec column is filled and searched`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind, column: "halfvec(3)")
    try await fixture.insert([1: "one", 2: "two", 3: "three"])
    let store = try await fixture.open()
    #expect(try await store.inspect(fixture.source, dimensions: 3).vectorType == "halfvec(3)")
    let rows = [EmbeddedRow(1, "one", [1, -0.5, 65504]), EmbeddedRow(2, "two", [0.1, 1e-9, 2])]
    #expect(try await store.write(rows, to: fixture.source).written == [1, 2])
    #expect(
      try await fixture.vectors() == ["1": [1, -0.5, 65504], "2": [Float(Float16(0.1)), 0, 2]])
    try await fixture.insert([4: "four", 5: "five", 6: "six"])
    let outcome = try await store.write(
      [
        EmbeddedRow(3, "three", [1, 2, 70000]), EmbeddedRow(4, "four", [-1, -1, -1]),
        EmbeddedRow(5, "five", [1e-8, -2e-8, 0]), EmbeddedRow(6, "six", [1e-8, -6e-8, 0]),
      ], to: fixture.source)
    #expect(outcome.written == [4, 6])
    #expect(
      outcome.refused == [
        3: "a value of its vector is too great for halfvec (SQLSTATE 22003)",
        5: "all values of its vector are too small for halfvec",
      ])
    #expect(try await store.nearest(to: [0, 0, 1], in: fixture.source, limit: 1).map(\.key) == [1])
    #expect(try await store.write([EmbeddedRow(3, "three", [1, 2, 7])], to: fixture.source).written == [3])
    await store.close()
  }

  @Test(arguments: [1e6, 1e-9] as [Float], [1, 4, 5, 20])
  func `a halfvec column that holds no vector, and can hold none that comes, is told from one with odd rows`(
    factor: Float, count: Int
  ) async throws {
    let fixture = try await StoreFixture(.postgres18, column: "halfvec(3)")
    try await fixture.insert((0...count).map { (key: .integer(Int64($0)), text: "text \($0)") })
    let store = try await fixture.open()
    func write(_ keys: ClosedRange<Int>, _ factor: Float) async throws -> WriteOutcome {
      let rows = keys.map { EmbeddedRow(.integer(Int64($0)), "text \($0)", [0.6 * factor, 0.8 * factor, -factor]) }
      return try await store.write(rows, to: fixture.source)
    }
    let outcome = try await write(1...count, factor)
    #expect(outcome.refusesAll)
    #expect(outcome.leavesDoubt == (count < 5), "a few may be odd ones")
    #expect(outcome.refused.count == count && outcome.refused.values.allSatisfy { $0.hasSuffix("; use vector(3)") })
    #expect(try await write(0...0, 1).written == [0])
    let behind = try await write(1...count, factor)
    #expect(!behind.refusesAll && behind.refused.count == count)
    await store.close()
  }

  @Test func `pgvector may be in a schema off the search path`() async throws {
    let fixture = try await StoreFixture(bare: .postgres18, pgvector: false)
    try await fixture.run(
      """
      CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions;
      CREATE TABLE messages (id int PRIMARY KEY, content text, embedding extensions.vector);
      INSERT INTO messages VALUES (1, 'one'), (2, 'two')
      """)
    let store = try await fixture.open()
    #expect(try await store.inspect(fixture.source, dimensions: 3).vectorType == "vector")
    #expect(try await store.write([EmbeddedRow(1, "one", [1, 2, 3])], to: fixture.source).written == [1])
    #expect(try await store.inspect(fixture.source, dimensions: 3).vectorType == "vector")
    #expect(try await store.nearest(to: [1, 2, 3], in: fixture.source, limit: 3).map(\.key) == [1])
    await store.close()
  }

  @Test func `a partitioned table is paged and filled across its partitions`() async throws {
    let fixture = try await StoreFixture(bare: .postgres16)
    try await fixture.run(
      """
      CREATE TABLE messages (id bigint PRIMARY KEY, content varchar(20), embedding vector(3)) PARTITION BY HASH (id);
      CREATE TABLE even PARTITION OF messages FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE odd PARTITION OF messages FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      INSERT INTO messages SELECT n, 'text ' || n FROM generate_series(1, 20) AS n
      """)
    let store = try await fixture.open()
    _ = try await store.inspect(fixture.source, dimensions: 3)
    let page = try await store.page(of: fixture.source, after: 5, limit: 10)
    #expect(page.map(\.key) == (6...15).map { .integer($0) })
    let rows = page.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
    #expect(try await store.write(rows, to: fixture.source).written.count == 10)
    #expect(
      try await fixture.run("SELECT count(embedding) > 0 FROM even UNION ALL SELECT count(embedding) > 0 FROM odd")
        == [["t"], ["t"]])
    await store.close()
  }

  @Test(arguments: ["text", "varchar(50)", "char(50)", "domain_of_text"])
  func `each type of text is paged and compared alike`(_ type: String) async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    try await fixture.run(
      """
      CREATE DOMAIN domain_of_text AS text CHECK (value <> 'forbidden');
      CREATE DOMAIN domain_of_key AS int;
      CREATE TABLE messages (id domain_of_key PRIMARY KEY, content \(type), embedding vector(3));
      INSERT INTO messages VALUES (1, 'größer als  ')
      """)
    let store = try await fixture.open()
    _ = try await store.inspect(fixture.source, dimensions: 3)
    let page = try await store.page(of: fixture.source, after: nil, limit: 10)
    #expect(page.first?.text?.hasPrefix("größer als") == true)
    let rows = page.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
    #expect(try await store.write(rows, to: fixture.source).written == [1])
    await store.close()
  }

  @Test func `a database in another encoding is read and compared as UTF-8`() async throws {
    let cluster = try await PostgresCluster.shared(.eighteen)
    let name = "latin_\(UUID().uuidString.lowercased())"
    let admin = try await cluster.freshDatabase()
    try await admin.run("CREATE DATABASE \"\(name)\" TEMPLATE template0 ENCODING LATIN1")
    let database = PostgresDatabase(port: cluster.port, name: name)
    try await database.run(
      """
      CREATE EXTENSION vector;
      CREATE TABLE messages (id int PRIMARY KEY, content text, embedding vector(3));
      INSERT INTO messages VALUES (1, 'caf' || chr(233))
      """)
    #expect(try await database.value("SELECT octet_length(content) FROM messages") == "4")
    let store = try await DatabaseURL(database.url).openMessageStore(applicationName: "vecfill tests")
    let source = Source(table: "messages")
    _ = try await store.inspect(source, dimensions: 3)
    #expect(try await store.page(of: source, after: nil, limit: 1) == [Message(key: 1, text: "caf\u{e9}")])
    #expect(try await store.write([EmbeddedRow(1, "caf\u{e9}", [1, 2, 3])], to: source).written == [1])
    await store.close()
  }

  @Test func `more neighbours than an HNSW scan finds by default are found`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.run(
      """
      INSERT INTO messages SELECT n, 'text ' || n, 'user', ('[1,' || n || ',1]')::vector
        FROM generate_series(1, 300) AS n;
      CREATE INDEX ON messages USING hnsw (embedding vector_cosine_ops);
      ALTER ROLE postgres IN DATABASE \(try #require(fixture.url.split(separator: "/").last)) SET enable_seqscan = off
      """)
    let store = try await fixture.open()
    let found = try await store.nearest(to: [1, 0, 1], in: fixture.source, limit: 100)
    #expect(found.count == 100)
    #expect(found.first?.key == 1)
    #expect(found.map(\.distance) == found.map(\.distance).sorted())
    await store.close()
  }

  @Test func `no call leaves a transaction open`() async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await fixture.insert([1: "one", 2: "two"])
    let store = try await fixture.open(applicationName: "tidy")
    _ = try await store.inspect(fixture.source, dimensions: 3)
    try await store.claim(fixture.source)
    _ = try await store.page(of: fixture.source, after: nil, limit: 1)
    _ = try await store.write([EmbeddedRow(1, "one", [1, 2, 3])], to: fixture.source).written
    _ = try await store.nearest(to: [1, 2, 3], in: fixture.source, limit: 1)
    let bad = Source(table: "messages", condition: "1/(id - 2) < 0")
    await #expect(throws: Failure.self) { try await store.page(of: bad, after: nil, limit: 9) }
    let states = try await fixture.run(
      "SELECT state, xact_start FROM pg_stat_activity WHERE application_name = 'tidy'")
    let idle: [String?] = ["idle", nil]
    #expect(states == [idle, idle, idle])
    await store.close()
  }
}
