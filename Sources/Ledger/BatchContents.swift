import Backfill
import Foundation

/// A batch's rows as the ledger keeps them: keys, digests and inputs, and no text (P10).
struct BatchContents: Codable {
  private struct Row: Codable {
    let k: RowKey
    let d: Data
    let i: Int
  }

  private let rows: [Row]

  static func encode(_ rows: [BatchRow]) throws -> Data {
    try JSONEncoder().encode(
      BatchContents(rows: rows.map { Row(k: $0.key, d: Data($0.digest.bytes), i: $0.input) }))
  }

  static func decode(_ data: Data) throws -> [BatchRow] {
    do {
      return try JSONDecoder().decode(BatchContents.self, from: data).rows.map { row in
        guard let digest = TextDigest(bytes: row.d) else { throw LedgerDamage(place: "batch.contents") }
        return BatchRow(key: row.k, digest: digest, input: row.i)
      }
    } catch is DecodingError {
      throw LedgerDamage(place: "batch.contents")
    }
  }
}
