import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

/// What only SQLite has.
@Suite struct SQLiteMessageStoreTests {
  @Test(arguments: [
    ("VECTOR(3)", "NULL", "[0.1,-1.0,1e-05]"), ("vector ( 3 )", "NULL", "[0.1,-1.0,1e-05]"),
    ("BLOB", "NULL", "CDCCCC3D000080BFACC52737"), ("TEXT", "'[1, 2 ,3]'", "[0.1,-1.0,1e-05]"),
    ("BLOB", "'[1,2,3e-2]'", "[0.1,-1.0,1e-05]"), ("VECTOR(3)", "zeroblob(12)", "CDCCCC3D000080BFACC52737"),
    ("", "zeroblob(12)", "CDCCCC3D000080BFACC52737"),
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

  @Test func `what is no valid text is nil, and a number is its own text`() async throws {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (id INTEGER PRIMARY KEY, content, embedding VECTOR(3));
      INSERT INTO messages (id, content) VALUES (1, CAST(x'61FF62' AS TEXT)), (2, 42), (3, 1.5), (4, x'C3A9'),
        (5, x'FF'), (6, 'a' || char(0) || 'b'), (7, CAST(x'EDA080' AS TEXT))
      """)
    let source = Source(table: "messages")
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    _ = try await store.inspect(source, dimensions: 3)
    let page = try await store.page(of: source, after: nil, limit: 9)
    #expect(page.map(\.text) == [nil, "42", "1.5", "\u{e9}", nil, "a\0b", nil])
    // Neither the text that such bytes are often shown as nor what stands before a zero matches.
    let mended = [EmbeddedRow(1, "a\u{fffd}b", [1, 2, 3]), EmbeddedRow(6, "a", [1, 2, 3])]
    #expect(try await store.write(mended, to: source).written == [])
    let rows = page.compactMap { message in message.text.map { EmbeddedRow(message.key, $0, [1, 2, 3]) } }
    #expect(try await store.write(rows, to: source).written == [2, 3, 4, 6])
    await store.close()
  }

  @Test func `a text key that is no text stops the page by name`() async throws {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (id TEXT PRIMARY KEY, content TEXT, embedding BLOB);
      INSERT INTO messages (id) VALUES (CAST(x'61FF62' AS TEXT))
      """)
    let store = try await DatabaseURL(file.url).openMessageStore(applicationName: "vecfill tests")
    let failure = await #expect(throws: Failure.self) {
      try await store.page(of: Source(table: "messages"), after: nil, limit: 9)
    }
    #expect(failure?.exitCode == .badData)
    #expect(failure?.subject == "messages.id")
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

  @Test func `one row that is refused leaves no other written`() async throws {
    let fixture = try await StoreFixture(.sqliteBlob)
    try await fixture.insert([1: "one", 2: "two secrets"])
    try await fixture.run(
      """
      CREATE TRIGGER t BEFORE UPDATE ON messages WHEN OLD.id = 2 BEGIN SELECT RAISE(ABORT, 'no'); END
      """)
    let store = try await fixture.open()
    let rows = [EmbeddedRow(1, "one", [1, 2, 3]), EmbeddedRow(2, "two secrets", [1, 2, 3])]
    let failure = await #expect(throws: Failure.self) { try await store.write(rows, to: fixture.source).written }
    #expect(failure?.exitCode == .badData)
    #expect(failure?.description.contains("secrets") == false)
    #expect(try await fixture.vectors().isEmpty)
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
    try await store.lock(source)
    await store.close()
  }
}
