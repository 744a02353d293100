import Backfill
import Foundation

@testable import Ledger

/// What the database's spool and the ledger hold of a batch.
enum SpoolCheck {
  private static let job = Job(
    name: "job", sources: [Source(table: "messages")], model: Model(name: "model", provider: "p", dimensions: 2))

  /// Its bytes: whether the checksum is right, version, dimensions, vectors, four lines of fingerprint, key, receipt and
  /// columns, an empty one standing for the right one, and then the rows.
  static func entry(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    let (isChecked, format, dimensions) = (input.choice(2) == 0, 1 + input.choice(3), 2 + input.choice(2))
    let values = [Float](repeating: 0.5, count: dimensions * (1 + input.choice(4)))
    let column = LedgerColumn(
      source: job.sources[0], identity: ColumnIdentity(database: "db", column: "messages.embedding"),
      fingerprint: job.fingerprint(of: job.sources[0]), isProven: true)
    let lines = input.rest.split(separator: 0x0A, maxSplits: 3, omittingEmptySubsequences: false)
    func line(_ number: Int) -> String? {
      guard lines.indices.contains(number), !lines[number].isEmpty else { return nil }
      return String(decoding: lines[number], as: UTF8.self)
    }
    let contents = lines.count > 3 ? Data(lines[3]) : Data()
    let id = SpoolEntry.ID(
      column: column.identity, run: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)), number: 1)
    let receipt = try Ledger.json(
      SpoolReceipt(
        requestID: nil, inputs: 1, tokens: 1, isCounted: false, cost: nil, spent: nil, fittedRows: 0,
        isPlacedByOrder: false, receivedAt: Date(timeIntervalSince1970: 1)))
    var entry = SpoolEntry(
      id: id, format: format, rows: 1, fingerprint: try line(0) ?? column.fingerprint.recorded(),
      key: line(1) ?? column.source.key, receipt: line(2) ?? receipt, contents: contents,
      vectors: Vectors(dimensions: dimensions, values: values), checksum: Data(contents.prefix(16)))
    if isChecked { entry.checksum = entry.tag }
    do {
      if case .success(let opened) = try entry.opened(for: column) { try check(opened, entry.vectors) }
    } catch let failure as Failure {
      try Canary.checkLine("\(failure)")
    }
    _ = Vectors(littleEndian: contents, dimensions: dimensions)
    do {
      try check(try BatchContents.decode(contents))
    } catch is LedgerDamage {}
  }

  private static func check(_ opened: SpoolEntry.Opened, _ vectors: Vectors) throws {
    guard vectors.dimensions == job.model.dimensions else { throw Broken("vectors of another length") }
    guard opened.rows.allSatisfy({ (0..<vectors.count).contains($0.input) }) else {
      throw Broken("a row without a vector")
    }
    _ = opened.receipt.reply(vectors)
    _ = opened.rows.embedded(by: vectors)
  }

  /// Checks that rows which were read are the same once written, with the same checksum.
  private static func check(_ rows: [BatchRow]) throws {
    let again = try BatchContents.decode(BatchContents.encode(rows))
    func checksum(_ rows: [BatchRow]) -> Data {
      [UInt8]().withUnsafeBytes {
        SpoolChecksum(of: BatchID(run: 1, number: 1), target: 1, rows: rows, dimensions: 2, vectors: $0).bytes
      }
    }
    guard again == rows, checksum(again) == checksum(rows) else { throw Broken("rows that aren't themselves") }
  }
}
