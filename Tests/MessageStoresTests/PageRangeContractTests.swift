import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

/// A kind of key with five keys of it in a database's order, and the columns that hold them.
private struct KeyCase: CustomTestStringConvertible {
  let testDescription: String
  let columns: [String]
  let keys: [RowKey]

  static let all: [KeyCase] = [
    KeyCase(testDescription: "integer", columns: ["id"], keys: [-7, 0, 3, 4, 9_000_000_000]),
    KeyCase(testDescription: "text", columns: ["id"], keys: ["1", "10", "2", "b", "c'c"]),
    KeyCase(
      testDescription: "bytes", columns: ["id"],
      keys: [[0], [0, 0], [0x61], [0x7f, 0xff], [0xff, 0xfe, 0, 1]].map { .bytes($0) }),
    KeyCase(
      testDescription: "integer and text", columns: ["id", "part"],
      keys: [
        .composite([1, "a"]), .composite([1, "b"]), .composite([2, ""]), .composite([2, "a"]), .composite([10, "a"]),
      ]),
    KeyCase(
      testDescription: "text, integer and bytes", columns: ["tenant", "id", "part"],
      keys: [
        .composite(["a", 1, .bytes([0])]), .composite(["a", 1, .bytes([1])]), .composite(["a", 2, .bytes([0])]),
        .composite(["b", -1, .bytes([0xff])]), .composite(["b", 0, .bytes([])]),
      ]),
  ]
}

@Suite struct PageRangeContractTests {
  private func fixture(_ kind: StoreKind, _ key: KeyCase) async throws -> StoreFixture {
    let source = Source(table: "messages", keys: key.columns)
    let fixture = try await StoreFixture(kind, key: key.keys[0].kind, source: source)
    try await fixture.insert(key.keys.reversed().map { ($0, "text of \($0)") })
    return fixture
  }

  @Test(arguments: StoreKind.ofOddRows, KeyCase.all)
  private func `every range of every kind of key is read in order, row by row too`(
    _ kind: StoreKind, _ key: KeyCase
  ) async throws {
    let fixture = try await fixture(kind, key)
    let store = try await fixture.open()
    #expect(try await store.inspect(fixture.source, dimensions: 3).keyKind == key.keys[0].kind)
    let bounds: [Int?] = [nil, 0, 1, 2, 3, 4]
    for after in bounds {
      for through in bounds {
        let first = after.map { $0 + 1 } ?? 0
        let last = through ?? 4
        for limit in [1, 2, 9] {
          let request = PageRequest(
            after: after.map { key.keys[$0] }, through: through.map { key.keys[$0] }, limit: limit)
          let pages = try await store.pages(of: fixture.source, request)
          #expect(pages.flatMap(\.messages).map(\.key) == (first <= last ? Array(key.keys[first...last]) : []))
          #expect(pages.allSatisfy { $0.messages.count <= limit })
        }
      }
    }
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows, KeyCase.all)
  private func `the last key is the greatest, whether its row has a vector or not`(
    _ kind: StoreKind, _ key: KeyCase
  ) async throws {
    let fixture = try await fixture(kind, key)
    let store = try await fixture.open()
    #expect(try await store.lastKey(of: fixture.source) == key.keys[4])
    try await fixture.fill(key.keys[4], with: [1, 2, 3])
    #expect(try await store.lastKey(of: fixture.source) == key.keys[4])
    try await fixture.run("DELETE FROM messages")
    #expect(try await store.lastKey(of: fixture.source) == nil)
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows, KeyCase.all)
  private func `rows are written and found again by every kind of key`(_ kind: StoreKind, _ key: KeyCase) async throws {
    let fixture = try await fixture(kind, key)
    let store = try await fixture.open()
    let written = Array(key.keys[1...3])
    let rows = written.map { EmbeddedRow($0, "text of \($0)", [1, 2, 3]) }
    #expect(try await store.write(rows, to: fixture.source).written == Set(written))
    #expect(try await Set(fixture.vectors().keys) == Set(written.map(\.description)))
    #expect(try await Set(store.nearest(to: [1, 2, 3], in: fixture.source, limit: 9).map(\.key)) == Set(written))
    #expect(try await store.countRemaining(in: fixture.source) == 2)
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `a table without rows is one empty page`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    let store = try await fixture.open()
    for request in [
      PageRequest(limit: 1), PageRequest(after: 5, limit: 9), PageRequest(through: 5, limit: 9, leavesOutBlank: true),
      PageRequest(after: 5, through: 4, limit: 9),
    ] {
      #expect(try await store.page(of: fixture.source, request) == MessagePage([], continuesAfter: nil))
    }
    #expect(try await store.lastKey(of: fixture.source) == nil)
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `few missing rows among many filled ones are all found, by pages that may be empty`(
    _ kind: StoreKind
  ) async throws {
    let fixture = try await StoreFixture(kind)
    let missing: [Int64] = [1, 2, 4_999, 9_000, 20_000]
    let vector = fixture.literal([1, 2, 3]) + (kind.isPostgres ? "::vector" : "")
    try await fixture.run(
      """
      INSERT INTO messages (id, content, embedding)
      WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
      SELECT n, 'text', CASE WHEN n NOT IN (\(missing.map(String.init).joined(separator: ", ")))
        THEN \(vector) END FROM s
      """)
    let store = try await fixture.open()
    let pages = try await store.pages(of: fixture.source, PageRequest(limit: 3))
    #expect(pages.flatMap(\.messages).map(\.key) == missing.map { .integer($0) })
    #expect(pages.count <= 20_000 / 3)
    #expect(try await store.countRemaining(in: fixture.source) == missing.count)
    let ended = try await store.pages(of: fixture.source, PageRequest(after: 4_999, through: 15_000, limit: 3))
    #expect(ended.flatMap(\.messages).map(\.key) == [9_000])
    await store.close()
  }

  @Test(arguments: StoreKind.ofOddRows)
  func `blank rows come without their text, or are left out`(_ kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert([
      1: nil, 2: "", 3: "a", 4: " \t\r\n", 5: "\u{3000}\u{a0}", 6: " b ", 7: "\u{200B}", 8: nil,
    ])
    let store = try await fixture.open()
    let texts: [String?] = [nil, nil, "a", nil, nil, " b ", "\u{200B}", nil]
    for limit in [1, 3, 9] {
      let all = try await store.pages(of: fixture.source, PageRequest(limit: limit)).flatMap(\.messages)
      #expect(all.map(\.key) == [1, 2, 3, 4, 5, 6, 7, 8])
      #expect(all.map(\.text) == texts)
      #expect(all.allSatisfy { $0.unreadable == nil })
      let request = PageRequest(limit: limit, leavesOutBlank: true)
      let filled = try await store.pages(of: fixture.source, request).flatMap(\.messages)
      #expect(filled == [Message(key: 3, text: "a"), Message(key: 6, text: " b "), Message(key: 7, text: "\u{200B}")])
    }
    await store.close()
  }
}
