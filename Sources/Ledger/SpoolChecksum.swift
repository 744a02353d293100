import Backfill
import Foundation

/// The SHA-256 over a spooled batch: what column it is of, its rows and their vectors. By it a damaged vector, row or
/// number is never taken for a good one.
struct SpoolChecksum {
  let bytes: Data

  init(of batch: BatchID, target: Int64, rows: [BatchRow], dimensions: Int, vectors: Data) {
    var content: [UInt8] = []
    func add(_ number: Int64) {
      withUnsafeBytes(of: number.littleEndian) { content.append(contentsOf: $0) }
    }
    for number in [batch.run, Int64(batch.number), target, Int64(dimensions), Int64(rows.count)] { add(number) }
    for row in rows {
      let key = Array("\(row.key.kind) \(row.key)".utf8)
      add(Int64(key.count))
      content += key
      content += row.digest.bytes
      add(Int64(row.input))
    }
    content += TextDigest(ofBytes: vectors).bytes
    bytes = Data(TextDigest(ofBytes: Data(content)).bytes)
  }
}

extension TextDigest {
  fileprivate init(ofBytes data: Data) {
    self = data.withUnsafeBytes { TextDigest(ofUTF8: $0) }
  }
}
