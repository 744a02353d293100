import Backfill
import Foundation

/// A batch's rows as the ledger keeps them: keys, digests and inputs, and no text (P10).
struct BatchContents: Decodable {
  private struct Row: Decodable {
    let k: RowKey
    let d: Data
    let i: Int
    /// Number, count, start and end of the piece that the input is of the row's text.
    let p: [Int]?

    var piece: Piece? {
      get throws(LedgerDamage) {
        guard let p else { return nil }
        guard p.count == 4, p[0] >= 0, p[0] < p[1], p[2] >= 0, p[2] <= p[3] else {
          throw LedgerDamage(place: "batch.contents")
        }
        return Piece(number: p[0], of: p[1], range: p[2]..<p[3])
      }
    }
  }

  private let rows: [Row]

  /// The JSON is written by hand: an encoder takes ten times as long for it, and each request has it made.
  static func encode(_ rows: [BatchRow]) throws -> Data {
    let encoder = JSONEncoder()
    var json = Data()
    json.reserveCapacity(20 + 100 * rows.count)
    json.append(contentsOf: #"{"rows":["#.utf8)
    for (index, row) in rows.enumerated() {
      json.append(contentsOf: (index == 0 ? #"{"k":"# : #",{"k":"#).utf8)
      if case .integer(let key) = row.key {
        json.append(contentsOf: String(key).utf8)
      } else {
        json.append(try encoder.encode(row.key))
      }
      json.append(contentsOf: #","d":""#.utf8)
      json.append(Data(row.digest.bytes).base64EncodedData())
      json.append(contentsOf: #"","i":\#(row.input)"#.utf8)
      if let piece = row.piece {
        let range = piece.range
        json.append(
          contentsOf: #","p":[\#(piece.number),\#(piece.count),\#(range.lowerBound),\#(range.upperBound)]"#.utf8)
      }
      json.append(UInt8(ascii: "}"))
    }
    json.append(contentsOf: "]}".utf8)
    return json
  }

  static func decode(_ data: Data) throws -> [BatchRow] {
    do {
      return try JSONDecoder().decode(BatchContents.self, from: data).rows.map { row in
        guard let digest = TextDigest(bytes: row.d) else { throw LedgerDamage(place: "batch.contents") }
        return BatchRow(key: row.k, digest: digest, input: row.i, piece: try row.piece)
      }
    } catch is DecodingError {
      throw LedgerDamage(place: "batch.contents")
    }
  }
}
