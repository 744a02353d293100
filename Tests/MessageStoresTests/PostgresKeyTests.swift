import Backfill
import MessageStores
import Postgres
import TestSupport
import Testing

/// Keys of every type that is ordered, and of several columns.
@Suite struct PostgresKeyTests {
  /// Pages through `source` two rows at a time and fills each page; the keys in the order in which they came.
  static func fill(_ source: Source, on fixture: StoreFixture) async throws -> [RowKey] {
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    var keys: [RowKey] = []
    var after: RowKey?
    repeat {
      let page = try await store.page(of: source, PageRequest(after: after, limit: 2))
      let rows = page.messages.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
      keys += rows.map(\.key)
      #expect(try await store.write(rows, to: source).written.count == rows.count)
      after = page.continuesAfter
    } while after != nil
    #expect(try await store.countRemaining(in: source) == 0)
    let last = try await store.lastKey(of: source)
    #expect(last == keys.last)
    await store.close()
    return keys
  }

  struct Case: CustomTestStringConvertible {
    let type: String
    /// The values in their order, as they are written into the table, and as they are told.
    let values: [(literal: String, text: String)]
    var script = ""
    var testDescription: String { type }
  }

  static let cases = [
    Case(
      type: "timestamptz",
      values: [
        ("-infinity", "-infinity"), ("0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"),
        ("2026-11-26 12:01:07.123456+02", "2026-11-26 10:01:07.123456+00"),
        ("2026-11-26 12:01:07.123457+02", "2026-11-26 10:01:07.123457+00"), ("infinity", "infinity"),
      ]),
    Case(
      type: "timestamp",
      values: [("2026-01-02 03:04:05", "2026-01-02 03:04:05"), ("2026-02-01 00:00", "2026-02-01 00:00:00")]),
    Case(
      type: "date", values: [("1999-12-31", "1999-12-31"), ("2026-02-01", "2026-02-01"), ("2026-02-03", "2026-02-03")]),
    Case(type: "numeric", values: [("-1e20", "-100000000000000000000"), ("0.10", "0.10"), ("NaN", "NaN")]),
    Case(
      type: "float8", values: [("0.1", "0.1"), ("0.30000000000000004", "0.30000000000000004"), ("1e300", "1e+300")]),
    Case(
      type: "mood", values: [("sad", "sad"), ("happy", "happy")], script: "CREATE TYPE mood AS ENUM ('sad', 'happy')"),
    Case(type: "name", values: [("A b", "A b"), ("a\"b", "a\"b")]),
    Case(type: "char(5)", values: [("a", "a"), ("bb", "bb")]),
    Case(type: "inet", values: [("10.0.0.1/8", "10.0.0.1/8"), ("10.0.0.2", "10.0.0.2/32")]),
    Case(type: "interval", values: [("1 day 2 hours", "1 day 02:00:00"), ("1 mon", "1 mon")]),
    Case(type: "int[]", values: [("{1,2}", "{1,2}"), ("{1,3}", "{1,3}")]),
    Case(
      type: "wrapped", values: [("a", "a"), ("b", "b")],
      script: "CREATE DOMAIN inner_ AS text; CREATE DOMAIN wrapped AS inner_"),
  ]

  @Test(arguments: StoreKind.postgres, cases)
  func `a key of any ordered type is paged and written in its exact text form`(
    _ kind: StoreKind, _ key: Case
  ) async throws {
    let fixture = try await StoreFixture(bare: kind)
    let name = try #require(fixture.url.split(separator: "/").last)
    // A session's own forms and zone change nothing.
    try await fixture.run(
      """
      \(key.script.isEmpty ? "" : key.script + ";")
      CREATE TABLE messages (id \(key.type) PRIMARY KEY, content text, embedding vector(3));
      ALTER DATABASE \(name) SET TimeZone = 'America/St_Johns'; ALTER DATABASE \(name) SET DateStyle = 'German';
      ALTER DATABASE \(name) SET IntervalStyle = 'iso_8601'; ALTER DATABASE \(name) SET extra_float_digits = -5
      """)
    for value in key.values.reversed() {
      try await fixture.run(
        "SET DateStyle = 'ISO'; INSERT INTO messages VALUES (\(fixture.literal(value.literal)), 'x')")
    }
    #expect(try await Self.fill(fixture.source, on: fixture) == key.values.map { .text($0.text) })
  }

  @Test(arguments: StoreKind.postgres)
  func `keys of bytes are paged in their order`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(bare: kind)
    try await fixture.run(
      #"""
      CREATE TABLE messages (id bytea PRIMARY KEY, content text, embedding vector(3));
      INSERT INTO messages VALUES ('\xff', 'x'), ('\x', 'x'), ('\x00ff', 'x'), ('\x5c22', 'x')
      """#)
    let keys = try await Self.fill(fixture.source, on: fixture)
    #expect(keys == [.bytes([]), .bytes([0, 255]), .bytes([0x5c, 0x22]), .bytes([255])])
  }

  @Test(arguments: StoreKind.postgres)
  func `a partitioned table is paged by both columns of its key, which the job needn't name`(
    _ kind: StoreKind
  ) async throws {
    for keys in [["id"], ["id", "created_at"], ["created_at", "id"]] {
      let fixture = try await StoreFixture(bare: kind)
      try await fixture.run(
        """
        CREATE TABLE messages (created_at timestamptz NOT NULL, id int, content text, embedding vector(3),
          PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at);
        CREATE TABLE old PARTITION OF messages FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        CREATE TABLE new PARTITION OF messages FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
        INSERT INTO messages (id, created_at, content) VALUES (2, '2025-06-01 00:00+00', 'x'),
          (1, '2026-06-01 00:00+00', 'x'), (1, '2025-06-01 00:00:00.000001+00', 'x'), (3, '2026-01-01 00:00+00', 'x')
        """)
      let found = try await Self.fill(Source(table: "messages", keys: keys), on: fixture)
      #expect(
        found.map(\.description) == [
          "(1, 2025-06-01 00:00:00.000001+00)", "(1, 2026-06-01 00:00:00+00)", "(2, 2025-06-01 00:00:00+00)",
          "(3, 2026-01-01 00:00:00+00)",
        ])
      #expect(found.first?.kind == .composite([.integer, .text]))
    }
  }

  @Test func `a table without a column id is paged by its primary key`() async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    try await fixture.run(
      """
      CREATE TABLE messages (tenant text, n uuid, h bytea, content text, embedding vector(3), PRIMARY KEY (tenant, n, h));
      INSERT INTO messages SELECT t, u::uuid, '\\xca'::bytea, 'x' FROM (VALUES ('a', '00000000-0000-0000-0000-000000000002'),
        ('b', '00000000-0000-0000-0000-000000000001'), ('a', '00000000-0000-0000-0000-000000000001')) AS v(t, u)
      """)
    #expect(
      try await Self.fill(fixture.source, on: fixture).map(\.description) == [
        "(a, 00000000-0000-0000-0000-000000000001, \\xca)", "(a, 00000000-0000-0000-0000-000000000002, \\xca)",
        "(b, 00000000-0000-0000-0000-000000000001, \\xca)",
      ])
  }

  @Test func `columns of any name hide nothing of the statements`() async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    let source = Source(table: "vecfill_written", keys: ["k0", "n"], text: "t", vector: "d")
    try await fixture.run(
      """
      CREATE TABLE vecfill_written (n int, k0 int, t text, d vector(3), meets int, PRIMARY KEY (k0, n));
      INSERT INTO vecfill_written VALUES (1, 2, 'x'), (2, 1, 'x'), (1, 1, 'x')
      """)
    #expect(try await Self.fill(source, on: fixture).map(\.description) == ["(1, 1)", "(1, 2)", "(2, 1)"])
  }

  @Test func `a key whose NOT NULL was never validated is refused with what validates it`() async throws {
    let fixture = try await StoreFixture(bare: .postgres18)
    try await fixture.run(
      """
      CREATE TABLE messages (id int, content text, embedding vector(3)); CREATE UNIQUE INDEX ON messages (id);
      INSERT INTO messages VALUES (NULL, 'a'), (1, 'b');
      ALTER TABLE messages ADD CONSTRAINT filled NOT NULL id NOT VALID
      """)
    let store = try await DatabaseURL(fixture.url).openMessageStore(applicationName: "vecfill tests")
    let failure = await #expect(throws: Failure.self) { try await store.inspect(fixture.source, dimensions: 3) }
    #expect(failure?.exitCode == .configuration && failure?.remedy?.contains("VALIDATE CONSTRAINT") == true)
    try await fixture.run(
      "UPDATE messages SET id = 2 WHERE id IS NULL; ALTER TABLE messages VALIDATE CONSTRAINT filled")
    _ = try await store.inspect(fixture.source, dimensions: 3)
    await store.close()
  }
}
