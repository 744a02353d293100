import Backfill
import Postgres
import TestSupport
import Testing

@testable import MessageStores

/// What every database tells of a column's vectors without sending them, and the vectors that it lends.
@Suite struct ColumnAuditContractTests {
  private static func auditing<Value: Sendable>(
    _ fixture: StoreFixture, _ source: Source? = nil, _ body: (any ColumnAuditor) async throws -> Value
  ) async throws -> Value {
    try await DatabaseURL(fixture.url).surveying(applicationName: "vecfill tests") {
      try await body($0.auditor(of: source ?? fixture.source))
    }
  }

  private static let odd = Source(table: "odd \"table\"", keys: ["k\"1", "when"], text: "select", vector: "the vector")

  @Test(arguments: StoreKind.allCases)
  func `each row is told by its key, whatever the names and the keys are`(kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind, key: .composite([.text, .integer]), source: Self.odd)
    let keys = (1...4).map { RowKey.composite([.text("é'\($0)"), .integer(Int64($0))]) }
    try await fixture.insert([(keys[0], "a\nb"), (keys[1], "A B "), (keys[2], nil), (keys[3], "no vector")])
    try await fixture.fill(keys[0], with: [3, 4, 0])
    try await fixture.fill(keys[1], with: [3, 4, 0])
    let rows = try await Self.auditing(fixture) { try await $0.window(after: nil) }
    #expect(rows.continuesAfter == nil)
    #expect(rows.rows.map(\.key) == keys)
    guard case .vector(let one) = rows.rows[0].content, case .vector(let other) = rows.rows[1].content else {
      Issue.record("\(rows)")
      return
    }
    #expect(one.length == 5 && one.dimensions == 3 && one.hasNewline && one.textBytes == 3)
    #expect(one.vectorTag == other.vectorTag && one.vectorTag.count == 16)
    // They differ in case and white space alone.
    #expect(one.textTag == other.textTag && one.textTag?.count == 16)
    #expect(one.isStale == nil)
    #expect(rows.rows[2].content == .missing(isBlank: true))
    #expect(rows.rows[3].content == .missing(isBlank: false))
    let sample = try await Self.auditing(fixture) { try await $0.sample(keys) }
    #expect(
      sample == [
        SampledRow(key: keys[0], text: "a\nb", vector: [3, 4, 0]),
        SampledRow(key: keys[1], text: "A B ", vector: [3, 4, 0]),
      ])
  }

  @Test(arguments: StoreKind.allCases)
  func `where a digest is kept, it is told which vectors are of another text`(kind: StoreKind) async throws {
    var source = Source(table: "messages")
    source.edits = .digest
    let fixture = try await StoreFixture(kind, source: source)
    try await fixture.insert([1: "same", 2: "edited", 3: "unknown"])
    for key in 1...3 { try await fixture.fill(.integer(Int64(key)), with: [1, 0, 0]) }
    let digest = TextDigest(of: "same").bytes.hex
    let literal = kind.isPostgres ? "'\\x\(digest)'::bytea" : "x'\(digest)'"
    try await fixture.run("ALTER TABLE messages ADD COLUMN embedding_digest \(kind.isPostgres ? "bytea" : "BLOB")")
    try await fixture.run("UPDATE messages SET embedding_digest = \(literal) WHERE id < 3")
    let rows = try await Self.auditing(fixture) { try await $0.window(after: nil).rows }
    let stale = rows.map { row -> Bool? in if case .vector(let facts) = row.content { facts.isStale } else { nil } }
    #expect(stale == [false, true, nil])
  }

  @Test(arguments: StoreKind.allCases)
  func `a vector is lent only by a row that has one and still holds the very text`(kind: StoreKind) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert([1: "one", 2: "two", 3: "three", 4: "é"])
    for key in [1, 2, 4] { try await fixture.fill(.integer(Int64(key)), with: [Float(key), 0.5, -1]) }
    let store = try await fixture.open()
    _ = try await store.inspect(fixture.source, dimensions: 3, for: .reading)
    let wanted: [RowKey: TextDigest] = [
      1: TextDigest(of: "one"), 2: TextDigest(of: "other"), 3: TextDigest(of: "three"), 4: TextDigest(of: "e\u{301}"),
      99: TextDigest(of: "one"),
    ]
    #expect(try await store.vectors(of: wanted, in: fixture.source) == [1: [1, 0.5, -1]])
    #expect(try await store.vectors(of: [:], in: fixture.source).isEmpty)
    await store.close()
  }

  @Test(arguments: StoreKind.postgres, [false, true])
  func `a text that can't be read costs its row alone`(_ kind: StoreKind, _ isAnalyzed: Bool) async throws {
    let fixture = try await StoreFixture(kind)
    try await fixture.insert((1...40).map { (key: .integer(Int64($0)), text: "text \($0)") })
    for key in 1...40 { try await fixture.fill(.integer(Int64(key)), with: [1, 0, Float(key)]) }
    // Then the planner knows how small it is, and sorts all of it.
    if isAnalyzed { try await fixture.run("ANALYZE messages") }
    // The expression fails for one row, as a damaged value does.
    var source = fixture.source
    source.text = .sql("CASE WHEN id = 17 THEN (1 / (id - 17))::text ELSE content END")
    let rows = try await Self.auditing(fixture, source) { auditor in
      var (rows, after) = ([AuditedRow](), RowKey?.none)
      repeat {
        let window = try await auditor.window(after: after)
        rows += window.rows
        after = window.continuesAfter
      } while after != nil
      return rows
    }
    #expect(rows.map(\.key) == (1...40).map { RowKey.integer($0) })
    #expect(rows.filter { $0.content == .broken }.map(\.key) == [17])
  }
}
