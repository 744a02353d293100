import Backfill
import Foundation
import MessageStores
import PgVector
import Postgres
import TestSupport
import Testing

/// What only SQLite has.
@Suite struct SQLiteMessageStoreTests {
  @Test(arguments: [
    ("VECTOR(3)", "NULL", "[0.1,-1.0,1e-05]"), ("vector ( 3 )", "NULL", "[0.1,-1.0,1e-05]"),
    ("BLOB", "NULL", "CDCCCC3D000080BFACC52737"), ("TEXT", "'[1, 2 ,3]'", "[0.1,-1.0,1e-05]"),
    ("BLOB", "'[1,2,3e-2]'", "[0.1,-1.0,1e-05]"), ("VECTOR(3)", "zeroblob(12)", "CDCCCC3D000080BFACC52737"),
    ("", "zeroblob(12)", "CDCCCC3D000080BFACC52737"), ("F32_BLOB(3)", "NULL", "CDCCCC3D000080BFACC52737"),
    ("f32_blob (3)", "NULL", "CDCCCC3D000080BFACC52737"), ("FLOAT32(3)", "NULL", "CDCCCC3D000080BFACC52737"),
    ("FLOAT[3]", "NULL", "CDCCCC3D000080BFACC52737"), ("float[ 3 ]", "NULL", "CDCCCC3D000080BFACC52737"),
    ("F32_BLOB", "NULL", "CDCCCC3D000080BFACC52737"), ("BLOB(12)", "NULL", "CDCCCC3D000080BFACC52737"),
    ("F32_BLOB(3)", "'[1,2,3]'", "[0.1,-1.0,1e-05]"), ("JSON", "NULL", "[0.1,-1.0,1e-05]"),
    ("VECTOR", "NULL", "[0.1,-1.0,1e-05]"),
  ])
  func `a vector is stored as the column declares, or as its vectors are`(
    _ type: String, _ existing: String, _ stored: String
  ) async throws {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding \(type));
      INSERT INTO messages VALUES (1, 'one', NULL), (2, 'two', \(existing))
      """)
    let source = Source(table: "messages")
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    #expect(try await store.inspect(source, dimensions: 3).vectorType == type)
    #expect(try await store.write([EmbeddedRow(1, "one", [0.1, -1, 1e-5])], to: source).written == [1])
    #expect(try await file.run("SELECT embedding FROM messages WHERE id = 1") == [[stored]])
    #expect(try await store.nearest(to: [0.1, -1, 1e-5], in: source, limit: 1).map(\.key) == [1])
    await store.close()
  }

  @Test func `what is no valid text is unreadable, and a number is its own text`() async throws {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content, embedding VECTOR(3));
      INSERT INTO messages (id, content) VALUES (1, CAST(x'636166e9' AS TEXT)), (2, 42), (3, 1.5), (4, x'C3A9'),
        (5, x'FF'), (6, 'a' || char(0) || 'b'), (7, CAST(x'EDA080' AS TEXT)), (8, CAST(x'F4908080' AS TEXT)),
        (9, x'89504E470D0A1A0A'), (10, CAST(x'20C0A020' AS TEXT)), (11, x''), (12, char(0)), (13, NULL)
      """)
    let source = Source(table: "messages")
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(source, dimensions: 3)
    let page = try await store.page(of: source, PageRequest(limit: 99)).messages
    #expect(
      page.map(\.text) == [nil, "42", "1.5", "\u{e9}", nil, "a\0b", nil, nil, nil, nil, nil, "\0", nil])
    let unreadable = page.filter { $0.unreadable != nil }
    #expect(unreadable.map(\.key) == [1, 5, 7, 8, 9, 10])
    #expect(unreadable.allSatisfy { $0.unreadable?.reason == "its bytes are no UTF-8" })
    let latin1: [UInt8] = [0x63, 0x61, 0x66, 0xe9]
    #expect(page[0].unreadable?.digest == latin1.withUnsafeBytes { TextDigest(ofUTF8: $0) })
    let left = try await store.page(of: source, PageRequest(limit: 99, leavesOutBlank: true)).messages
    #expect(left == page.filter { $0.text != nil || $0.unreadable != nil })
    // Neither the text that such bytes are often shown as nor what stands before a zero matches.
    let mended = [EmbeddedRow(1, "caf\u{fffd}", [1, 2, 3]), EmbeddedRow(6, "a", [1, 2, 3])]
    #expect(try await store.write(mended, to: source).written == [])
    let rows = page.compactMap { message in message.text.map { EmbeddedRow(message.key, $0, [1, 2, 3]) } }
    #expect(try await store.write(rows, to: source).written == [2, 3, 4, 6, 12])
    await store.close()
  }

  @Test(arguments: ["wal", "delete", "persist"])
  func `the journal mode stays and the application can write meanwhile`(_ mode: String) async throws {
    let fixture = try await StoreFixture(.sqliteVector)
    try await fixture.run("PRAGMA journal_mode = \(mode)")
    try await fixture.insert([1: "one", 2: "two", 3: "three"])
    let store = try await fixture.open()
    let page = try await store.page(of: fixture.source, after: nil, limit: 9)
    try await fixture.run("BEGIN IMMEDIATE; UPDATE messages SET content = 'edited' WHERE id = 2")
    let rows = page.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
    if mode == "wal" { #expect(try await store.countRemaining(in: fixture.source) == 3) }
    let write = Task { try await store.write(rows, to: fixture.source).written }
    try await fixture.run("DELETE FROM messages WHERE id = 3; COMMIT")
    #expect(try await write.value == [1])
    #expect(try await fixture.run("PRAGMA journal_mode") == [[mode]])
    await store.close()
  }

  @Test func `a table without rowid and with odd keys is paged`() async throws {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (id CHAR(32) NOT NULL PRIMARY KEY, content TEXT, embedding VECTOR(3)) WITHOUT ROWID;
      INSERT INTO messages (id, content) VALUES ('b', 'x'), ('a', 'y'), ('B', 'z')
      """)
    let source = Source(table: "messages")
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    #expect(try await store.inspect(source, dimensions: 3).keyKind == .text)
    #expect(try await store.page(of: source, after: "B", limit: 1) == [Message(key: "a", text: "y")])
    #expect(try await store.page(of: source, after: "a", limit: 9) == [Message(key: "b", text: "x")])
    try await store.claim(source)
    await store.close()
  }

  /// What stands for no vector, and whether an index finds the rows of it.
  static let nones = ["''", "'null'", "'[]'", "x''"].flatMap { [($0, false), ($0, true)] }

  @Test(arguments: nones, ["JSON", "VECTOR(3)", "F32_BLOB(3)", "BLOB", "TEXT NOT NULL DEFAULT ''"])
  func `what stands for no vector is missing, wherever it is`(_ row: (none: String, isIndexed: Bool), _ type: String)
    async throws
  {
    let (none, isIndexed) = row
    let file = try SQLiteFile()
    let filled = type.contains("BLOB") ? "zeroblob(12)" : "'[1,2,3]'"
    try await file.run(
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding \(type), embedding_digest BLOB);
      INSERT INTO messages (id, content, embedding) VALUES (1, 'one', \(none)), (2, 'two', \(filled)),
        (3, 'three', \(filled)), (4, 'four', \(none));
      \(isIndexed ? "CREATE INDEX i ON messages (id) WHERE \(MissingVector.predicate("embedding"))" : "SELECT 1")
      """)
    for edits in [Edits.ignore, .digest] {
      var source = Source(table: "messages")
      source.edits = edits
      let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
      let shape = try await store.inspect(source, dimensions: 3)
      #expect(shape.warnings.allSatisfy { $0.contains("find the edited texts") }, "\(shape.warnings)")
      #expect(try await store.countRemaining(in: source) == 2)
      #expect(try await store.page(of: source, PageRequest(limit: 9)).messages.map(\.key) == [1, 4])
      #expect(try await store.filled(in: source, limit: 9).rows.count == 2)
      #expect(try await store.vectors(of: [1: TextDigest(of: "one")], in: source)[1] == nil)
      #expect(try await store.write([EmbeddedRow(1, "one", [1, 2, 3])], to: source).written == [1])
      #expect(try await store.page(of: source, PageRequest(limit: 9)).messages.map(\.key) == [4])
      await store.close()
      try await file.run("UPDATE messages SET embedding = \(none) WHERE id = 1")
    }
  }

  @Test(arguments: ["'[1,2]'", "'nonsense'", "zeroblob(8)", "x'00'", "'[1,2,3'"], [1, 2, 30, 60])
  func `a value that is no vector as the others stops nothing, and is told with its key`(_ odd: String, _ id: Int)
    async throws
  {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding JSON);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        INSERT INTO messages SELECT i, 'text ' || i, '[1,2,3]' FROM n;
      UPDATE messages SET embedding = NULL WHERE id BETWEEN 20 AND 28; UPDATE messages SET embedding = \(odd) WHERE id = \(id)
      """)
    let source = Source(table: "messages")
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    let shape = try await store.inspect(source, dimensions: 3)
    // Of a table that is longer, some rows of either end are looked at.
    if id != 30 {
      #expect(shape.warnings.count == 1 && shape.warnings[0].contains("of the row \(id)"), "\(shape.warnings)")
    }
    #expect(try await store.page(of: source, PageRequest(limit: 99)).messages.count == 9)
    #expect(try await store.write([EmbeddedRow(20, "text 20", [1, 2, 3])], to: source).written == [20])
    #expect(try await file.run("SELECT embedding FROM messages WHERE id = 20") == [["[1.0,2.0,3.0]"]])
    await store.close()
  }

  @Test(
    arguments: [
      "json_extract(content, '$.a')", "content || abs(CASE id WHEN 5 THEN -9223372036854775808 ELSE id END)",
    ],
    [Edits.ignore, .digest])
  func `a row that SQLite refuses the text of stops no other`(_ expression: String, _ edits: Edits) async throws {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding VECTOR(3), embedding_digest BLOB);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
        INSERT INTO messages SELECT i, '{"a":"text ' || i || '"}', NULL, NULL FROM n;
      UPDATE messages SET content = '{bad' WHERE id = 5
      """)
    var source = Source(table: "messages", text: .sql(expression))
    source.edits = edits
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(source, dimensions: 3)
    let page = try await store.page(of: source, PageRequest(limit: 99)).messages
    #expect(page.map(\.key) == (1...9).map { .integer($0) })
    #expect(page.filter { $0.unreadable != nil }.map(\.key) == [5])
    #expect(page[4].unreadable?.reason == "SQLite can't read it (error 1)")
    #expect(try await store.countRemaining(in: source) == 9)
    let rows = page.compactMap { message in message.text.map { EmbeddedRow(message.key, $0, [1, 2, 3]) } }
    #expect(try await store.write(rows, to: source).written.count == 8)
    guard edits == .digest else { return await store.close() }
    // A text that goes bad behind its vector, and one that is edited behind that.
    try await file.run(
      """
      UPDATE messages SET embedding = '[1,2,3]', embedding_digest = x'00' WHERE id = 5;
      UPDATE messages SET content = '{"a":"edited"}' WHERE id IN (2, 8)
      """)
    var request = PageRequest(limit: 99)
    request.rows = .edited
    let edited = try await store.page(of: source, request).messages
    #expect(edited.map(\.key) == [2, 5, 8] && edited[1].unreadable != nil)
    await store.close()
  }

  @Test(arguments: [1, 56, 57, 300])
  func `an estimate finds edited rows, however long the vector column's name is`(_ length: Int) async throws {
    let file = try SQLiteFile()
    let vector = String(repeating: "v", count: length)
    try await file.run(
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, \(vector) VECTOR(3), \(vector)_digest BLOB);
      INSERT INTO messages VALUES (1, 'one', '[1,2,3]', x'00'), (2, 'two', '[1,2,3]', NULL)
      """)
    var source = Source(table: "messages", vector: vector)
    source.edits = .digest
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(source, dimensions: 3, for: .estimating)
    var request = PageRequest(limit: 9)
    request.rows = .edited
    #expect(try await store.page(of: source, request).messages.map(\.key) == [1])
    await store.close()
  }

  @Test func `a condition that fails for a row is named with its place`() async throws {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT, embedding VECTOR(3));
      INSERT INTO messages VALUES (1, '{"a":1}', NULL), (2, '{bad', NULL)
      """)
    var source = Source(table: "messages", condition: "json_extract(content, '$.a') > 0")
    source.conditionPlace = "job.yaml:3"
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(source, dimensions: 3)
    for ask in [
      { _ = try await store.page(of: source, PageRequest(limit: 9)) },
      { _ = try await store.countRemaining(in: source) },
    ] as [() async throws -> Void] {
      let failure = await #expect(throws: Failure.self) { try await ask() }
      #expect(failure?.subject == "job.yaml:3" && failure?.exitCode == .configuration)
      #expect(failure?.reason.contains("this where") == true, "\(failure?.reason ?? "")")
    }
    await store.close()
  }

  @Test func `columns whose names differ in a letter beyond ASCII are two`() async throws {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (ID INTEGER PRIMARY KEY, "É" INTEGER, "é" TEXT, Embedding VECTOR(3));
      INSERT INTO messages VALUES (1, 5, 'lower', NULL)
      """)
    let source = Source(table: "Messages", text: .column("é"))
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(source, dimensions: 3)
    #expect(try await store.page(of: source, PageRequest(limit: 9)).messages.map(\.text) == ["lower"])
    await store.close()
  }
}
