import Backfill
import Foundation

/// A checksum over a spooled batch: what column it is of, its rows and their vectors. By it a damaged vector, row or
/// number is never taken for a good one.
struct SpoolChecksum {
  private let content: [UInt8]
  private let vectors: UnsafeRawBufferPointer

  /// - Parameter vectors: the block of vectors, little-endian; it must stay where it is as long as this value is used.
  init(of batch: BatchID, target: Int64, rows: [BatchRow], dimensions: Int, vectors: UnsafeRawBufferPointer) {
    var content: [UInt8] = []
    content.reserveCapacity(40 + 80 * rows.count)
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
      if let piece = row.piece {
        for number in [piece.number, piece.count, piece.range.lowerBound, piece.range.upperBound] { add(Int64(number)) }
      }
    }
    self.content = content
    self.vectors = vectors
  }

  var bytes: Data {
    content.withUnsafeBytes { Data(DamageTag(of: [$0, vectors]).bytes) }
  }

  /// Whether `stored` is this checksum, or what versions before it made in its place: a SHA-256.
  func isEqual(to stored: Data) -> Bool {
    guard stored.count == TextDigest.byteCount else { return stored == bytes }
    let digests = content + TextDigest(ofUTF8: vectors).bytes
    return stored == Data(digests.withUnsafeBytes { TextDigest(ofUTF8: $0) }.bytes)
  }
}
