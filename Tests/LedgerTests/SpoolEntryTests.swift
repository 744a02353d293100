import Backfill
import Foundation
import Testing

@testable import Ledger

/// An entry of the database's spool: what was changed in it is found, whatever it is.
@Suite struct SpoolEntryTests {
  static let job = Job(
    name: "job", sources: [Source(table: "messages")], model: Model(name: "model", provider: "p", dimensions: 3))
  static let column = job.column(job.sources[0], of: "db")
  static let receipt = SpoolReceipt(
    requestID: "r", inputs: 2, tokens: 9, isCounted: false, cost: 0.5, spent: 0.6, fittedRows: 0,
    isPlacedByOrder: false, receivedAt: Date(timeIntervalSince1970: 1))
  static let rows = (0..<2).map {
    BatchRow(key: .integer(Int64($0)), digest: TextDigest(of: "\($0)"), input: $0)
  }

  static func entry(_ rows: [BatchRow] = rows) throws -> SpoolEntry {
    try SpoolEntry(
      SpoolEntry.ID(
        column: column.identity, run: UUID(uuidString: "5f0c71aa-0000-4000-8000-000000000001") ?? UUID(), number: 4),
      rows, Vectors(dimensions: 3, values: [1, 2, 3, 4, 5, 6]), receipt, of: column)
  }

  static func changed(
    _ entry: SpoolEntry, id: SpoolEntry.ID? = nil, rows: Int? = nil, fingerprint: String? = nil, key: String? = nil,
    receipt: String? = nil, contents: Data? = nil, vectors: Vectors? = nil, format: Int = 1
  ) -> SpoolEntry {
    SpoolEntry(
      id: id ?? entry.id, format: format, rows: rows ?? entry.rows, fingerprint: fingerprint ?? entry.fingerprint,
      key: key ?? entry.key, receipt: receipt ?? entry.receipt, contents: contents ?? entry.contents,
      vectors: vectors ?? entry.vectors, checksum: entry.checksum)
  }

  @Test func `as it was made it is whole`() throws {
    let opened = try Self.entry().opened(for: Self.column).get()
    #expect(opened.rows == Self.rows && opened.receipt == Self.receipt)
  }

  @Test(arguments: [nil, 0, 1]) func `whichever part of the column received it, any run of the column may write it`(
    shard: Int?
  ) throws {
    let parts = [nil, 0, 1].map { $0.map { LedgerTests.part($0, of: Self.job) } ?? Self.column }
    let column = shard.map { LedgerTests.part($0, of: Self.job) } ?? Self.column
    let run = UUID()
    let entry = try SpoolEntry(
      SpoolEntry.ID(column: column.identity, run: run, number: 4), Self.rows,
      Vectors(dimensions: 3, values: [1, 2, 3, 4, 5, 6]), Self.receipt, of: column)
    for part in parts {
      let found = Self.changed(entry, id: SpoolEntry.ID(column: part.identity, run: run, number: 4))
      #expect(try found.opened(for: part).get().rows == Self.rows)
    }
  }

  @Test func `with any part changed it is damaged`() throws {
    let entry = try Self.entry()
    let other = SpoolEntry.ID(column: ColumnIdentity(database: "db", column: "x"), run: entry.id.run, number: 4)
    let changed = [
      Self.changed(entry, id: SpoolEntry.ID(column: entry.id.column, run: entry.id.run, number: 5)),
      Self.changed(entry, id: SpoolEntry.ID(column: entry.id.column, run: UUID(), number: 4)),
      Self.changed(entry, id: other), Self.changed(entry, rows: 3),
      Self.changed(entry, fingerprint: entry.fingerprint.replacing("model", with: "m0del")),
      Self.changed(entry, key: "name"), Self.changed(entry, receipt: entry.receipt.replacing("0.5", with: "0.1")),
      Self.changed(entry, contents: try BatchContents.encode(Self.rows.reversed())),
      Self.changed(entry, vectors: Vectors(dimensions: 3, values: [1, 2, 3, 4, 5, 7])),
      Self.changed(entry, vectors: Vectors(dimensions: 2, values: [1, 2, 3, 4, 5, 6])),
      Self.changed(entry, vectors: Vectors(dimensions: 1)), Self.changed(entry, format: 0),
    ]
    for entry in changed {
      #expect(throws: SpoolEntry.RefusedEntry.self) { try entry.opened(for: Self.column).get() }
    }
  }

  @Test func `a row without a vector is damage, also where the checksum is right`() throws {
    let row = BatchRow(key: .integer(1), digest: TextDigest(of: "1"), input: 2)
    #expect(throws: SpoolEntry.RefusedEntry.self) { try Self.entry([row]).opened(for: Self.column).get() }
  }

  @Test func `another model is told, and another key and a newer version stop the run`() throws {
    let source = Self.job.sources[0]
    let other = LedgerColumn(
      source: source, identity: Self.column.identity,
      fingerprint: Fingerprint(model: "other", dimensions: 3, text: source.text, preparation: TextPreparation()),
      isProven: true)
    let refusal = #expect(throws: SpoolEntry.RefusedEntry.self) { try Self.entry().opened(for: other).get() }
    #expect(refusal?.why == .foreign(Self.column.fingerprint))
    var named = source
    named.keys = ["name"]
    let byName = LedgerColumn(
      source: named, identity: Self.column.identity, fingerprint: Self.column.fingerprint, isProven: true)
    #expect(throws: Failure.self) { _ = try Self.entry().opened(for: byName) }
    #expect(throws: Failure.self) { _ = try Self.changed(Self.entry(), format: 2).opened(for: Self.column) }
  }
}
