import Backfill
import Foundation
import MessageStores
import PgVector
import Postgres
import TestSupport
import Testing

/// The index by which missing rows are found, where it leaves out blank ones.
@Suite struct MissingRowsIndexTests {
  /// Texts that are blank, or seem to be.
  static let texts: [String?] =
    [
      nil, "", " ", " \t\r\n ", "\n", "\u{0B}", "\u{0C}", "\u{85}", "\u{A0}", "\u{1680}", "\u{2003}\u{A0}", "\u{2028}",
      "\u{2029}", "\u{202F}", "\u{205F}", "\u{3000}", " \u{3000}\n", String(repeating: " ", count: 2000),
      String(repeating: "\u{3000}", count: 400),
    ] + [
      "x", "\u{3000}a", " \u{A0}\t\u{2003}x\u{3000} ", "\u{200B}", " \u{200B} ", "\u{200C}", "\u{200D}", "\u{2060}",
      "\u{FEFF}", "\u{AD}", "\u{180E}", "\u{2800}", "\u{3164}", "\u{01}", "\u{1C}", "\u{7F}", "\\n", "\\", "%", "'",
      "\u{301}",
      " \u{301}", "\r\n.", String(repeating: " ", count: 2000) + "x",
    ]

  static func insert(_ fixture: StoreFixture) async throws {
    try await fixture.insert(
      Dictionary(uniqueKeysWithValues: texts.enumerated().map { (Int64($0.offset), $0.element) }))
  }

  static func index(_ form: MissingRowsIndex, text: SourceText = "content") -> String {
    "CREATE INDEX missing ON messages (id) WHERE \(form.predicate(vector: "embedding", text: text))"
  }

  static let databases: [(StoreKind, String)] = StoreKind.postgres.flatMap { kind in
    ["text", "varchar", "varchar(3000)", "char(2500)", "text COLLATE \"C\"", "noted", "short"].map { (kind, $0) }
  }

  @Test(arguments: databases)
  func `no row that isn't blank is left out, and no other is sent`(_ kind: StoreKind, _ type: String) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.run(
      """
      CREATE DOMAIN noted AS text; CREATE DOMAIN short AS varchar(3000);
      ALTER TABLE messages ALTER content TYPE \(type)
      """)
    try await Self.insert(fixture)
    // char(n) ends with spaces that are no part of its text.
    let stored = try await fixture.run("SELECT id, content::text FROM messages ORDER BY id").map { row in
      (RowKey.integer(row[0].flatMap(Int64.init) ?? -1), row[1])
    }
    #expect(stored.count == Self.texts.count)
    let sent = stored.compactMap { key, text in text.flatMap { $0.isBlank ? nil : Message(key: key, text: $0) } }
    for form in [MissingRowsIndex.all, .texts] {
      try await fixture.run("DROP INDEX IF EXISTS missing; \(Self.index(form))")
      let store = try await fixture.open()
      let shape = try await store.inspect(fixture.source, dimensions: 3)
      #expect(shape.countsBlank == (form == .all))
      for leavesOutBlank in [false, true] {
        let request = PageRequest(limit: 7, leavesOutBlank: leavesOutBlank)
        let found = try await store.pages(of: fixture.source, request).flatMap(\.messages)
        #expect(found.filter { !$0.isBlank } == sent)
        #expect(found.contains(where: \.isBlank) == !leavesOutBlank)
      }
      let held = try await fixture.run("SELECT reltuples FROM pg_class WHERE relname = 'missing'")
      #expect(try await store.countRemaining(in: fixture.source) == held[0][0].flatMap(Int.init))
      await store.close()
    }
  }

  @Test(arguments: StoreKind.postgres)
  func `with a condition, a sample and a row that gets a text it holds as well`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.run(Self.index(.texts))
    try await fixture.run(
      """
      INSERT INTO messages (id, content, role)
        SELECT n, CASE WHEN n % 10 = 0 THEN 'text ' || n ELSE '  ' END, CASE WHEN n % 20 = 0 THEN 'user' ELSE 'system' END
        FROM generate_series(1, 400) AS n
      """)
    var source = fixture.source
    source.condition = "role = 'user' -- not the others"
    let store = try await fixture.open()
    #expect(try await store.inspect(source, dimensions: 3).countsBlank == false)
    let request = PageRequest(limit: 7)
    let keys = try await store.pages(of: source, request).flatMap(\.messages).map(\.key)
    #expect(keys == (1...20).map { .integer(Int64($0 * 20)) })
    #expect(try await store.countRemaining(in: source) == 20)
    let sample = KeySample(share: 0.5, seed: 1)
    let chosen = try await store.pages(of: source, PageRequest(limit: 7, sample: sample)).flatMap(\.messages)
    #expect(!chosen.isEmpty && chosen.count < 20 && chosen.allSatisfy { keys.contains($0.key) })
    try await fixture.run("UPDATE messages SET content = 'now', role = 'user' WHERE id = 33")
    #expect(try await store.countRemaining(in: source) == 21)
    #expect(
      try await store.page(of: source, PageRequest(after: 32, through: 33, limit: 1)).messages.map(\.text) == ["now"])
    #expect(try await store.write([EmbeddedRow(33, "now", [1, 2, 3])], to: source).written == [33])
    #expect(try await store.countRemaining(in: source) == 20)
    await store.close()
  }

  /// As `migrate up` makes them: one on each partition, none on the whole, and maybe one of an earlier version.
  @Test(arguments: StoreKind.postgres, [[MissingRowsIndex.texts, .texts], [.all, .texts], [.all, .all], [.texts]])
  func `the partitions' own indexes find a partitioned table's missing rows`(
    _ kind: StoreKind, _ forms: [MissingRowsIndex]
  ) async throws {
    let fixture = try await StoreFixture(bare: kind)
    try await fixture.run(
      """
      CREATE TABLE messages (day int, id bigint, old text, content text, embedding vector(3), PRIMARY KEY (id, day))
        PARTITION BY LIST (day);
      ALTER TABLE messages DROP old;
      CREATE TABLE part0 PARTITION OF messages FOR VALUES IN (0);
      CREATE TABLE part1 PARTITION OF messages FOR VALUES IN (1);
      INSERT INTO messages SELECT n % 2, n, CASE WHEN n % 1000 = 0 THEN 'text' ELSE ' ' END,
          CASE WHEN n % 1000 = 0 AND n % 3000 <> 0 THEN '[1,2,3]'::vector END
        FROM generate_series(1, 30000) AS n
      """)
    for (part, form) in forms.enumerated() {
      try await fixture.run(Self.index(form).replacing("missing ON messages (id)", with: "ON part\(part) (id, day)"))
    }
    try await fixture.run("VACUUM ANALYZE messages")
    let source = Source(table: "messages", keys: ["id", "day"])
    let store = try await fixture.open()
    let isWhole = forms.count == 2
    #expect(try await store.inspect(source, dimensions: 3).countsBlank == (!isWhole || !forms.contains(.texts)))
    let pages = try await store.pages(of: source, PageRequest(limit: 100, leavesOutBlank: true))
    #expect(
      pages.flatMap(\.messages).map(\.key) == (1...10).map { .composite([.integer($0 * 3000), .integer(0)]) })
    // Of the 29,980 missing rows 29,970 are blank, and a window has 20,000.
    #expect(pages.count == (isWhole && forms.contains(.texts) ? 1 : 2))
    #expect(try await store.countRemaining(in: source) == (isWhole && forms.contains(.texts) ? 10 : 29_980))
    await store.close()
  }

  /// Of another column's texts, or with a condition of its own, an index leaves out what it must not.
  @Test(arguments: [
    index(.texts, text: "role"), index(.texts) + " AND id > 5", index(.texts).replacing("1000", with: "1"),
    index(.texts).replacing("E'\\t'", with: "'x'"), index(.texts).replacing("OR", with: "AND"),
    index(.texts).replacing("(id)", with: "(role)"),
  ])
  func `an index that only looks like it is not relied on`(_ statement: String) async throws {
    let fixture = try await StoreFixture(.postgres18)
    try await Self.insert(fixture)
    try await fixture.run(statement)
    let store = try await fixture.open()
    #expect(try await store.inspect(fixture.source, dimensions: 3).countsBlank)
    let found = try await store.pages(of: fixture.source, PageRequest(limit: 7)).flatMap(\.messages)
    #expect(found.count == Self.texts.count)
    await store.close()
  }
}
