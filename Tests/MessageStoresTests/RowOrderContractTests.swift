import Backfill
import Foundation
import MessageStores
import TestSupport
import Testing

/// Rows from the newest on, and those since a date.
@Suite struct RowOrderContractTests {
  @Test(arguments: StoreKind.allCases)
  func `the newest come first, each once, and none behind the last`(_ kind: StoreKind) async throws {
    for hasIndex in [false, true] {
      let source = Source(table: "messages", order: .newest)
      let fixture = try await StoreFixture(kind, source: source)
      try await fixture.insert(Dictionary(uniqueKeysWithValues: (1...25).map { (Int64($0), "text \($0)" as String?) }))
      if hasIndex { try await fixture.run("CREATE INDEX missing ON messages (id) WHERE embedding IS NULL") }
      for id in [3, 25] { try await fixture.fill(.integer(Int64(id)), with: [1, 2, 3]) }
      let store = try await fixture.open()
      _ = try await store.inspect(source, dimensions: 3)
      let last = try await store.lastKey(of: source)
      #expect(last == 1)
      // What arrives meanwhile is before the first, or behind the last.
      let first = try await store.page(of: source, PageRequest(through: last, limit: 4))
      try await fixture.insert([0: "older", 26: "newer"])
      let rest = try await store.pages(
        of: source, PageRequest(after: first.continuesAfter, through: last, limit: 4))
      let keys = (first.messages + rest.flatMap(\.messages)).map(\.key)
      #expect(keys == (1...24).reversed().filter { $0 != 3 }.map { .integer($0) })
      #expect(try await store.countRemaining(in: source) == 25)
      #expect(try await store.pages(of: source, PageRequest(limit: 7)).flatMap(\.messages).count == 25)
      await store.close()
    }
  }

  @Test(arguments: StoreKind.allCases)
  func `a key of two columns is read from its end by both`(_ kind: StoreKind) async throws {
    let source = Source(table: "messages", keys: ["a", "b"], order: .newest)
    let fixture = try await StoreFixture(kind, key: .composite([.integer, .text]), source: source)
    let keys: [RowKey] = [(1, "x"), (1, "y"), (2, "a"), (3, "a"), (3, "b")].map {
      .composite([.integer($0.0), .text($0.1)])
    }
    try await fixture.insert(keys.map { ($0, "text") })
    let store = try await fixture.open()
    #expect(try await store.lastKey(of: source) == keys[0])
    let pages = try await store.pages(of: source, PageRequest(through: keys[1], limit: 2))
    #expect(pages.flatMap(\.messages).map(\.key) == Array(keys.dropFirst().reversed()))
    await store.close()
  }

  @Test(arguments: StoreKind.allCases)
  func `only rows since the value are taken, and a column that isn't there is told`(_ kind: StoreKind) async throws {
    var source = Source(
      table: "messages", condition: "role = 'user' -- all", since: Since(column: "at", value: "2026-02-01"))
    let fixture = try await StoreFixture(kind, source: source)
    try await fixture.insert([1: "one", 2: "two", 3: "three", 4: "four"])
    try await fixture.run(
      """
      ALTER TABLE messages ADD at \(kind.isPostgres ? "timestamptz" : "text");
      UPDATE messages SET at = '2026-01-31 10:00:00+00' WHERE id = 1;
      UPDATE messages SET at = '2026-02-02 10:00:00+00' WHERE id IN (2, 3);
      UPDATE messages SET role = 'x' WHERE id = 3
      """)
    let store = try await fixture.open()
    _ = try await store.inspect(source, dimensions: 3)
    #expect(try await store.countRemaining(in: source) == 1)
    let page = try await store.page(of: source, after: nil, limit: 9)
    #expect(page.map(\.key) == [2])
    try await fixture.run("UPDATE messages SET at = '2026-01-01 10:00:00+00'")
    #expect(try await store.write([EmbeddedRow(2, "two", [1, 2, 3])], to: source).written == [])
    source.since = Since(column: "nothing", value: "2026")
    let refusal = await #expect(throws: Failure.self) { try await store.inspect(source, dimensions: 3) }
    #expect(refusal?.subject == "messages.nothing")
    #expect(refusal?.remedy?.contains("since:") == true)
    await store.close()
  }
}
