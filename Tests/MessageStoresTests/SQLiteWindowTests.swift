import Backfill
import Foundation
import MessageStores
import PgVector
import Postgres
import TestSupport
import Testing

/// How many rows a statement looks at.
@Suite struct SQLiteWindowTests {
  private static let source = Source(table: "messages")

  /// A thousand rows, all filled but those of `missing`, read in windows of ten.
  private func prepare(
    missing: String, key: String = "id INTEGER PRIMARY KEY", script: String = ""
  ) async throws -> (SQLiteFile, SQLiteMessageStore) {
    let file = try SQLiteFile()
    try await file.run(
      """
      CREATE TABLE messages (\(key), content TEXT, role TEXT DEFAULT 'user', embedding BLOB);
      INSERT INTO messages (id, content, embedding)
      WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1000)
      SELECT n, 'text', CASE WHEN n NOT IN (\(missing)) THEN zeroblob(12) END FROM s;
      \(script)
      """)
    return (file, try await SQLiteMessageStore(url: DatabaseURL(file.url), window: 10))
  }

  @Test(arguments: ["id INTEGER PRIMARY KEY", "id INT PRIMARY KEY NOT NULL"])
  func `a page of filled rows is empty and tells where to go on`(_ key: String) async throws {
    let (file, store) = try await prepare(missing: "1, 15, 1000", key: key)
    let pages = try await store.pages(of: Self.source, PageRequest(limit: 3))
    #expect(pages.count == 101)
    #expect(pages.map(\.continuesAfter) == (1...100).map { .integer($0 * 10) } + [nil])
    #expect(pages.flatMap(\.messages).map(\.key) == [1, 15, 1000])
    #expect(try await store.countRemaining(in: Self.source) == 3)
    await store.close()
    withExtendedLifetime(file) {}
  }

  @Test(arguments: ["id INTEGER PRIMARY KEY", "id INT PRIMARY KEY NOT NULL", "id TEXT PRIMARY KEY NOT NULL"])
  func `with an index of the missing rows only those are looked at`(_ key: String) async throws {
    let (file, store) = try await prepare(
      missing: "101, 150, 999", key: key,
      script: "CREATE INDEX missing ON messages (id) WHERE \(MissingVector.predicate("embedding"))")
    let pages = try await store.pages(of: Self.source, PageRequest(limit: 2))
    #expect(pages.map(\.messages.count) == [2, 1])
    #expect(try await store.countRemaining(in: Self.source) == 3)
    // It may come and go while the run lasts.
    try await file.run("DROP INDEX missing")
    #expect(try await store.pages(of: Self.source, PageRequest(limit: 2)).count > 2)
    try await file.run("CREATE INDEX again ON messages (id, role) WHERE \(MissingVector.predicate("embedding"))")
    #expect(try await store.pages(of: Self.source, PageRequest(limit: 2)).count == 2)
    await store.close()
  }

  @Test(arguments: [
    // Not of those that hold what else stands for no vector.
    "CREATE INDEX other ON messages (id) WHERE embedding IS NULL",
    "CREATE INDEX other ON messages (role, id) WHERE embedding IS NULL",
    "CREATE INDEX other ON messages (id) WHERE embedding IS NULL AND role = 'user'",
    "CREATE INDEX other ON messages (id) WHERE content IS NULL",
    "CREATE INDEX other ON messages (id) WHERE embedding IS NOT NULL",
    "CREATE INDEX other ON messages (role)", "CREATE INDEX other ON messages (id DESC) WHERE content <> ''",
  ])
  func `another index is not taken for it, whatever the condition`(_ index: String) async throws {
    let (file, store) = try await prepare(missing: "1, 15, 1000", script: index)
    var source = Self.source
    source.condition = "role = 'user' AND content IS NOT NULL"
    let pages = try await store.pages(of: source, PageRequest(limit: 3))
    #expect(pages.count == 101)
    #expect(pages.flatMap(\.messages).map(\.key) == [1, 15, 1000])
    await store.close()
    withExtendedLifetime(file) {}
  }

  @Test func `blank rows that are left out don't end a page, nor does the window's last row`() async throws {
    let (file, store) = try await prepare(
      missing: "1, 2, 3, 4, 5, 10, 11", script: "UPDATE messages SET content = ' ' WHERE id IN (1, 2, 3, 10)")
    let request = PageRequest(limit: 2, leavesOutBlank: true)
    let first = try await store.page(of: Self.source, request)
    #expect(first.messages.map(\.key) == [4, 5] && first.continuesAfter == 5)
    let pages = try await store.pages(of: Self.source, request)
    #expect(pages.flatMap(\.messages).map(\.key) == [4, 5, 11])
    await store.close()
    withExtendedLifetime(file) {}
  }

  @Test func `a text of all of a page's bytes is read alone, and none behind it`() async throws {
    let (file, store) = try await prepare(
      missing: "1, 2, 3",
      script: "UPDATE messages SET content = CAST(zeroblob(\(UnreadableText.mostBytes)) AS TEXT) WHERE id = 2")
    let pages = try await store.pages(of: Self.source, PageRequest(through: 3, limit: 9))
    #expect(pages.map { $0.messages.map(\.key) } == [[1, 2], [3]])
    #expect(pages[0].messages[1].text?.utf8.count == UnreadableText.mostBytes)
    await store.close()
    withExtendedLifetime(file) {}
  }
}
