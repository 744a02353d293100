import Backfill
import MessageStores
import Postgres
import TestSupport
import Testing

/// A SQLite table, the job's key, and what is made of them.
private struct KeyCase: CustomTestStringConvertible {
  let testDescription: String
  let script: String
  var job = ["id"]
  let kind: RowKey.Kind
  let keys: [RowKey]
  var warnings = 0

  static let all: [KeyCase] = [
    KeyCase(
      testDescription: "no id, another INTEGER PRIMARY KEY",
      script:
        "(n INTEGER PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO m VALUES (7, 'x', NULL), (-7, 'x', NULL)",
      kind: .integer, keys: [-7, 7]),
    KeyCase(
      testDescription: "id is a part of the primary key",
      script: """
        (id INTEGER, created_at TEXT, content TEXT, embedding BLOB, PRIMARY KEY (id, created_at));
        INSERT INTO m VALUES (2, '2026', 'x', NULL), (1, '2027', 'x', NULL), (1, '2026', 'x', NULL)
        """, kind: .composite([.integer, .text]),
      keys: [.composite([1, "2026"]), .composite([1, "2027"]), .composite([2, "2026"])]),
    KeyCase(
      testDescription: "without rowid, the primary key in another order than the columns",
      script: """
        (b TEXT, content TEXT, a INT, embedding BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID;
        INSERT INTO m VALUES ('x', 'x', 2, NULL), ('y', 'x', 1, NULL)
        """, kind: .composite([.integer, .text]), keys: [.composite([1, "y"]), .composite([2, "x"])]),
    KeyCase(
      testDescription: "a composite unique index",
      script: """
        (id INTEGER PRIMARY KEY, b BLOB NOT NULL, a TEXT NOT NULL, content TEXT, embedding BLOB);
        CREATE UNIQUE INDEX u ON m (a, b); INSERT INTO m VALUES (1, x'02', 'k', 'x', NULL), (2, x'01', 'k', 'x', NULL)
        """, job: ["a", "b"], kind: .composite([.text, .bytes]),
      keys: [.composite(["k", .bytes([1])]), .composite(["k", .bytes([2])])]),
    KeyCase(
      testDescription: "no key at all",
      script: "(content TEXT, embedding BLOB); INSERT INTO m VALUES ('x', NULL), ('x', NULL)",
      kind: .integer, keys: [1, 2], warnings: 1),
    KeyCase(
      testDescription: "rowid", script: "(id TEXT, content TEXT, embedding BLOB); INSERT INTO m VALUES (9, 'x', NULL)",
      job: ["rowid"], kind: .integer, keys: [1], warnings: 1),
    KeyCase(
      testDescription: "ROWID of a table with a text key",
      script: "(id TEXT PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO m VALUES (9, 'x', NULL)",
      job: ["ROWID"], kind: .integer, keys: [1], warnings: 1),
    KeyCase(
      testDescription: "_rowid_ beside a column of that name in other words",
      script: "(rowid TEXT, content TEXT, embedding BLOB); INSERT INTO m VALUES ('a', 'x', NULL)",
      job: ["_rowid_"], kind: .integer, keys: [1], warnings: 1),
    KeyCase(
      testDescription: "oid",
      script: "(id INTEGER PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO m VALUES (9, 'x', NULL)",
      job: ["oid"], kind: .integer, keys: [9], warnings: 1),
    KeyCase(
      testDescription: "no key, and a column that is named rowid",
      script: "(rowid TEXT, content TEXT, embedding BLOB); INSERT INTO m VALUES ('a', 'x', NULL)",
      kind: .integer, keys: [1], warnings: 1),
    KeyCase(
      testDescription: "uuids of 16 bytes",
      script: """
        (id BLOB PRIMARY KEY, content TEXT, embedding BLOB) WITHOUT ROWID;
        INSERT INTO m VALUES (x'FF0000000000000000000000000000AA', 'x', NULL), (zeroblob(16), 'x', NULL)
        """, kind: .bytes,
      keys: [.bytes([UInt8](repeating: 0, count: 16)), .bytes([0xff] + [UInt8](repeating: 0, count: 14) + [0xaa])]),
    KeyCase(
      testDescription: "an integer key that is no INTEGER PRIMARY KEY",
      script:
        "(id INT PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO m VALUES (10, 'x', NULL), (9, 'x', NULL)",
      kind: .integer, keys: [9, 10]),
    KeyCase(
      testDescription: "a descending INTEGER PRIMARY KEY, which is no rowid",
      script: """
        (id INTEGER PRIMARY KEY DESC, content TEXT, embedding BLOB);
        INSERT INTO m VALUES (10, 'x', NULL), (9, 'x', NULL)
        """, kind: .integer, keys: [9, 10]),
    KeyCase(
      testDescription: "texts in an order without case",
      script: """
        (id TEXT COLLATE NOCASE PRIMARY KEY, content TEXT, embedding BLOB);
        INSERT INTO m VALUES ('b', 'x', NULL), ('A', 'x', NULL), ('C', 'x', NULL)
        """, kind: .text, keys: ["A", "b", "C"]),
    KeyCase(
      testDescription: "texts that are no UTF-8 or have a zero byte",
      script: """
        (id TEXT PRIMARY KEY, content TEXT, embedding BLOB);
        INSERT INTO m VALUES (CAST(x'61FF62' AS TEXT), 'x', NULL), ('a' || char(0) || 'b', 'x', NULL), ('a', 'x', NULL),
          ('b', 'x', NULL)
        """, kind: .text, keys: ["a", .bytes([0x61, 0, 0x62]), .bytes([0x61, 0xff, 0x62]), "b"]),
    KeyCase(
      testDescription: "a key without a type",
      script:
        "(id PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO m VALUES ('b', 'x', NULL), ('10', 'x', NULL)",
      kind: .text, keys: ["10", "b"]),
    KeyCase(
      testDescription: "an empty table with a blob key", script: "(id BLOB PRIMARY KEY, content TEXT, embedding BLOB)",
      kind: .bytes, keys: []),
  ]
}

@Suite struct SQLiteKeyTests {
  private func open(_ script: String, window: Int = 2_000) async throws -> (SQLiteFile, SQLiteMessageStore) {
    let file = try SQLiteFile()
    try await file.run("CREATE TABLE m" + script)
    return (file, try await SQLiteMessageStore(url: DatabaseURL(file.url), window: window))
  }

  @Test(arguments: KeyCase.all)
  private func `a table is paged and written by the key that it has`(_ key: KeyCase) async throws {
    let (file, store) = try await open(key.script, window: 1)
    let source = Source(table: "m", keys: key.job)
    let shape = try await store.inspect(source, dimensions: 3)
    #expect(shape.keyKind == key.kind)
    #expect(shape.warnings.count == key.warnings)
    let found = try await store.pages(of: source, PageRequest(limit: 1)).flatMap(\.messages)
    #expect(found.map(\.key) == key.keys)
    #expect(try await store.lastKey(of: source) == key.keys.last)
    let rows = key.keys.map { EmbeddedRow($0, "x", [1, 2, 3]) }
    #expect(try await store.write(rows, to: source).written == Set(key.keys))
    #expect(try await file.run("SELECT count(*) FROM m WHERE embedding IS NULL") == [["0"]])
    #expect(try await store.nearest(to: [1, 2, 3], in: source, limit: 9).map(\.text) == key.keys.map { _ in "x" })
    await store.close()
  }

  @Test func `a key with a fraction that came later is told by its column`() async throws {
    let (file, store) = try await open(
      "(id PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO m (id) VALUES (1), (3)")
    let source = Source(table: "m")
    _ = try await store.inspect(source, dimensions: 3)
    try await file.run("INSERT INTO m (id) VALUES (2.5)")
    let failure = await #expect(throws: Failure.self) { try await store.page(of: source, PageRequest(limit: 9)) }
    #expect(failure?.exitCode == .configuration && failure?.subject == "m.id")
    #expect(failure?.reason == "a key that is stored as real can't be paged")
    await store.close()
  }

  @Test func `a key of a ledger that fits another key is refused, not compared`() async throws {
    let (file, store) = try await open("(a INT, b INT, content TEXT, embedding BLOB, PRIMARY KEY (a, b))")
    let failure = await #expect(throws: Failure.self) {
      try await store.page(of: Source(table: "m"), PageRequest(after: 5, limit: 9))
    }
    #expect(failure?.exitCode == .configuration)
    #expect(failure?.reason == "a key of the ledger's has 1 columns, the table's has 2")
    await store.close()
    withExtendedLifetime(file) {}
  }

  @Test(arguments: [
    ("(id INTEGER, content TEXT, embedding BLOB)", ["id"], "it has no primary key: write key: rowid in the job"),
    (
      "(rowid INTEGER, content TEXT, embedding BLOB)", ["rowid"],
      "it has no primary key: write key: _rowid_ in the job"
    ),
    (
      "(n INTEGER PRIMARY KEY, content TEXT, embedding BLOB)", ["nr"],
      "name its primary key with `key` in the job, or rowid"
    ),
    (
      "(n TEXT PRIMARY KEY, content TEXT, embedding BLOB) WITHOUT ROWID", ["nr"],
      "name its primary key with `key` in the job"
    ),
  ])
  func `where the job's key is none, the line says what the table can be paged by`(
    _ script: String, _ keys: [String], _ remedy: String
  ) async throws {
    let (file, store) = try await open(script)
    let failure = await #expect(throws: Failure.self) {
      try await store.inspect(Source(table: "m", keys: keys), dimensions: 3)
    }
    #expect(failure?.remedy == remedy)
    await store.close()
    withExtendedLifetime(file) {}
  }

  @Test func `a table that is made anew meanwhile is read as it is now`() async throws {
    let (file, store) = try await open(
      "(id INTEGER PRIMARY KEY, content TEXT, embedding BLOB); INSERT INTO m VALUES (1, 'x', NULL)")
    let source = Source(table: "m")
    _ = try await store.inspect(source, dimensions: 3)
    try await file.run(
      """
      DROP TABLE m; CREATE TABLE m (id TEXT PRIMARY KEY, content TEXT, embedding VECTOR(3));
      INSERT INTO m VALUES ('k', 'x', NULL)
      """
    )
    #expect(try await store.page(of: source, PageRequest(limit: 9)).messages == [Message(key: "k", text: "x")])
    try await file.run("ALTER TABLE m RENAME COLUMN content TO body")
    // SQLite takes a quoted name that is no column for a text.
    for failure in [
      await #expect(throws: Failure.self) { try await store.page(of: source, PageRequest(limit: 9)) },
      await #expect(throws: Failure.self) { try await store.write([EmbeddedRow("k", "x", [1, 2, 3])], to: source) },
    ] {
      #expect(failure?.subject == "m.content" && failure?.reason == "there is no such column")
    }
    await store.close()
  }
}
