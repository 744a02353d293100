import Backfill
import Foundation
import MessageStores
import Postgres
import TestSupport
import Testing

@Suite struct MessagePagingContractTests {
  @Test(arguments: StoreKind.allCases)
  func `pages are in key order, from the lowest key to an empty page`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    let store = try await fixture.open()
    #expect(try await store.page(of: fixture.source, after: nil, limit: 10).isEmpty)
    try await fixture.insert([7: "g", -9_000_000_000: "a", 3: "c", 0: "b", 100: "h", 9_000_000_000: "i"])
    try await fixture.fill(7, with: [1, 2, 3])

    let first = try await store.page(of: fixture.source, after: nil, limit: 2)
    #expect(first == [Message(key: -9_000_000_000, text: "a"), Message(key: 0, text: "b")])
    let second = try await store.page(of: fixture.source, after: first.last?.key, limit: 2)
    #expect(second == [Message(key: 3, text: "c"), Message(key: 100, text: "h")])
    let third = try await store.page(of: fixture.source, after: second.last?.key, limit: 2)
    #expect(third == [Message(key: 9_000_000_000, text: "i")])
    #expect(try await store.page(of: fixture.source, after: third.last?.key, limit: 2).isEmpty)
    #expect(try await store.countRemaining(in: fixture.source) == 5)
    await store.close()
  }

  @Test(arguments: StoreKind.postgres, ["smallint", "int"])
  func `narrow integer keys are paged and written`(_ kind: StoreKind, _ type: String) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.run("ALTER TABLE messages ALTER COLUMN id TYPE \(type)")
    try await fixture.insert([-5: "a", 5: "b"])
    let store = try await fixture.open()
    #expect(try await store.inspect(fixture.source, dimensions: 3).keyKind == .integer)
    #expect(try await store.page(of: fixture.source, after: -5, limit: 9) == [Message(key: 5, text: "b")])
    #expect(try await store.write([EmbeddedRow(-5, "a", [1, 2, 3])], to: fixture.source).written == [-5])
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `text keys are paged in the database's order, whatever is in them`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind, key: .text)
    let keys = ["", "'; DROP TABLE messages; --", "10", "9", "O'Brien", "Ω", "🦊", "a\nb"]
    try await fixture.insert(keys.map { (.text($0), "text of \($0)") })
    let store = try await fixture.open()
    #expect(try await store.inspect(fixture.source, dimensions: 3).keyKind == .text)
    var found: [Message] = []
    while true {
      let page = try await store.page(of: fixture.source, after: found.last?.key, limit: 3)
      if page.isEmpty { break }
      found += page
    }
    let order = try await fixture.run("SELECT id FROM messages ORDER BY id").map { $0[0] ?? "NULL" }
    #expect(found.map(\.key.description) == order)
    #expect(Set(order) == Set(keys))
    #expect(found.allSatisfy { $0.text == "text of \($0.key)" })
    let rows = found.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
    #expect(try await store.write(rows, to: fixture.source).written == Set(keys.map { .text($0) }))
    await store.close()
  }

  @Test(arguments: StoreKind.postgres)
  func `uuid keys are paged in the database's order`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind, key: .uuid)
    let keys = [0xff, 0x80, 0x7f, 0x01, 0x00].compactMap { first in
      UUID(uuidString: String(format: "%02x000000-0000-4000-8000-00000000abcd", first))
    }
    try await fixture.insert(keys.map { (.uuid($0), "x") })
    let store = try await fixture.open()
    #expect(try await store.inspect(fixture.source, dimensions: 3).keyKind == .uuid)
    let first = try await store.page(of: fixture.source, after: nil, limit: 3)
    let second = try await store.page(of: fixture.source, after: first.last?.key, limit: 3)
    #expect((first + second).map(\.key) == keys.reversed().map { .uuid($0) })
    #expect(
      try await store.write([EmbeddedRow(.uuid(keys[1]), "x", [1, 2, 3])], to: fixture.source).written.count == 1)
    #expect(try await fixture.vectors() == [keys[1].uuidString.lowercased(): [1, 2, 3]])
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `names of any spelling are taken as they are`(_ kind: StoreKind) async throws {
    let source = Source(
      schema: kind.isPostgres ? #"My "Schema""# : "main", table: #"Select "From" O'Brien"#, keys: ["Primary Key"],
      text: "ORDER", vector: "vektör; --", condition: #""ORDER" <> 'x' AND role = 'user' -- only a person's"#)
    let fixture = try await StoreFixture(bare: kind, source: source)
    if kind.isPostgres { try await fixture.run(#"CREATE SCHEMA "My ""Schema""""#) }
    try await fixture.run(
      """
      CREATE TABLE \(fixture.table) ("Primary Key" int NOT NULL PRIMARY KEY, "ORDER" text,
        role text NOT NULL DEFAULT 'user', "vektör; --" \(fixture.vectorType(3)))
      """)
    try await fixture.insert([1: "one", 2: "x", 3: "three"])
    try await fixture.run("INSERT INTO \(fixture.table) VALUES (4, 'four', 'assistant', NULL)")
    let store = try await fixture.open()
    #expect(try await store.inspect(source, dimensions: 3).keyKind == .integer)
    #expect(try await store.page(of: source, after: nil, limit: 9).map(\.key) == [1, 3])
    #expect(try await store.countRemaining(in: source) == 2)
    #expect(try await store.write([EmbeddedRow(3, "three", [1, 2, 3])], to: source).written == [3])
    #expect(try await store.nearest(to: [1, 2, 3], in: source, limit: 1).map(\.text) == ["three"])
    try await store.claim(source)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a text of any white space alone is blank, however long, and a page of such rows goes on`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await StoreFixture(kind)
    let blank = ["", " \t\r\n", "\u{A0}", "\u{85}", "\u{2003}\u{3000} ", String(repeating: " ", count: 2_000)]
    let texts = blank + ["\u{200B}", "x"]
    try await fixture.insert(
      Dictionary(uniqueKeysWithValues: texts.enumerated().map { (Int64($0 + 1), String?.some($1)) }))
    let store = try await fixture.open()
    let all = try await store.page(of: fixture.source, PageRequest(limit: 9))
    #expect(all.messages.map(\.text) == blank.map { _ in nil } + ["\u{200B}", "x"])
    var request = PageRequest(limit: 2, leavesOutBlank: true)
    var found: [RowKey] = []
    repeat {
      let page = try await store.page(of: fixture.source, request)
      found += page.messages.map(\.key)
      request.after = page.continuesAfter
    } while request.after != nil
    #expect(found == [7, 8])
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a condition with OR is one condition`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert([1: "a", 2: "b", 3: "c", 4: "d"])
    try await fixture.fill(1, with: [1, 2, 3])
    var source = fixture.source
    source.condition = "content = 'a' OR content = 'b' OR id = 4"
    let store = try await fixture.open()
    #expect(try await store.page(of: source, after: nil, limit: 9).map(\.key) == [2, 4])
    #expect(try await store.page(of: source, after: 2, limit: 9).map(\.key) == [4])
    #expect(try await store.countRemaining(in: source) == 2)
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `texts come as they are and their digests are the database's own`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    let texts: [Int64: String?] = [
      1: "\u{200B}", 2: ".", 3: " \t\n.", 4: "e\u{301} is not \u{e9}", 5: "👩‍👩‍👧‍👦 \u{10FFFF}\u{FFFE}\u{200B}",
      6: "a\r\nb\\n'\"$1",
      7: String(repeating: "ä€😀x", count: 110_000),
    ]
    try await fixture.insert(texts)
    let store = try await fixture.open()
    let page = try await store.page(of: fixture.source, after: nil, limit: 9)
    #expect(page.map(\.key) == [1, 2, 3, 4, 5, 6, 7])
    for message in page {
      guard case .integer(let key) = message.key else { continue }
      // Compared by bytes: Swift holds canonically equivalent texts for equal.
      #expect(message.text.map { Array($0.utf8) } == texts[key]?.map { Array($0.utf8) }, "\(key)")
    }
    let rows = page.filter { $0.text != nil }.map { EmbeddedRow($0.key, $0.text ?? "", [1, 2, 3]) }
    #expect(try await store.write(rows, to: fixture.source).written == Set(rows.map(\.key)))
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `a page of long texts ends early, and the next goes on`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    let long = kind.isPostgres ? "repeat('x', 3000000)" : "printf('%.*c', 3000000, 'x')"
    let huge = long.replacing("3000000", with: "\(UnreadableText.mostBytes)")
    try await fixture.run(
      """
      INSERT INTO messages (id, content) VALUES (1, \(long)), (2, \(long)), (3, NULL), (4, \(long)), (5, \(long)),
        (6, \(huge)), (7, 'x')
      """)
    let store = try await fixture.open()
    var pages: [[RowKey]] = []
    while pages.count < 9 {
      let page = try await store.page(of: fixture.source, after: pages.last?.last, limit: 100)
      if page.isEmpty { break }
      pages.append(page.map(\.key))
    }
    #expect(pages == [[1, 2, 3, 4], [5, 6], [7]])
    await store.close()
  }
}
