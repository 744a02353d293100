import Backfill
import Foundation

extension SpoolEntry {
  static let ownFormat = 1

  init(_ id: ID, _ rows: [BatchRow], _ vectors: Vectors, _ receipt: SpoolReceipt, of column: LedgerColumn) throws {
    self.init(
      id: id, format: Self.ownFormat, rows: Set(rows.map(\.key)).count, fingerprint: try column.fingerprint.recorded(),
      key: column.source.key, receipt: try Ledger.json(receipt), contents: try BatchContents.encode(rows),
      vectors: vectors, checksum: Data())
    checksum = tag
  }

  /// Over all of it but the shard: any run of the column may write its rows. It finds damage, and keeps nobody from forging.
  var tag: Data {
    let head = [
      "\(format) \(id.run) \(id.number) \(rows) \(contents.count) \(vectors.dimensions)", "\(id.column.whole)",
      fingerprint,
      key, receipt,
    ]
    return contents.withUnsafeBytes { contents in
      vectors.withLittleEndian { vectors in
        Array(head.joined(separator: "\0").utf8).withUnsafeBytes { head in
          Data(DamageTag(of: [head, contents, vectors]).bytes)
        }
      }
    }
  }

  /// An entry that was found to be whole and of the job's vectors.
  struct Opened {
    let rows: [BatchRow]
    let receipt: SpoolReceipt
  }

  /// Why an entry is of no use.
  enum Refusal: Hashable {
    case damaged
    /// Its vectors are made of something else.
    case foreign(Fingerprint)
  }

  /// Checks the entry against the column as the job fills it.
  ///
  /// Throws a `Failure` with `.configuration` for an entry of a newer version, or by another key, which could be written
  /// all the same.
  func opened(for column: LedgerColumn) throws -> Result<Opened, RefusedEntry> {
    let name = column.source.column
    guard format <= Self.ownFormat else {
      throw Failure(
        .configuration, name, "a newer vecfill has left paid vectors of it in the database's spool",
        remedy: "use that version, or drop them by `vecfill ledger forget \(name)`")
    }
    guard checksum == tag,
      let fingerprint = try? Fingerprint(recorded: fingerprint, of: name, in: "vecfill_spool"),
      let receipt = try? JSONDecoder().decode(SpoolReceipt.self, from: Data(receipt.utf8)),
      let rows = try? BatchContents.decode(contents), rows.allSatisfy({ (0..<vectors.count).contains($0.input) })
    else { return .failure(RefusedEntry(why: .damaged)) }
    guard fingerprint.admits(column.fingerprint), vectors.dimensions == column.fingerprint.dimensions else {
      return .failure(RefusedEntry(why: .foreign(fingerprint)))
    }
    guard key == column.source.key else {
      throw Failure(
        .configuration, name,
        "the database's spool holds vectors of it by the key (\(key)), and the job's is (\(column.source.key))",
        remedy: "run with the former key until it is complete, or drop them by `vecfill ledger forget \(name)`")
    }
    return .success(Opened(rows: rows, receipt: receipt))
  }

  struct RefusedEntry: Error {
    let why: Refusal
  }
}
