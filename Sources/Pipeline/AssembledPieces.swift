import Backfill

/// The pieces of rows, put together from all batches that have some.
struct AssembledPieces {
  /// The pieces of the rows of which all are there, one row after the other and in the order of their numbers.
  let complete: [EmbeddedRow]
  /// All rows. One that is not complete, since the ledger has lost some of it, is found again by a later sweep.
  let rows: [BatchRow]

  /// A text as it was cut: with another count of tokens, as once a vocabulary is installed, it may have other pieces.
  private struct Cut: Hashable {
    let row: BatchRow
    let count: Int
  }

  init(_ pieces: [EmbeddedRow]) {
    var cuts: [Cut: [Int: EmbeddedRow]] = [:]
    var counts: [BatchRow: [Int]] = [:]
    var rows: [BatchRow] = []
    for embedded in pieces {
      guard let piece = embedded.piece else { continue }
      let row = BatchRow(key: embedded.key, digest: embedded.digest, input: 0)
      let cut = Cut(row: row, count: piece.count)
      if counts[row] == nil { rows.append(row) }
      if cuts[cut] == nil { counts[row, default: []].append(piece.count) }
      cuts[cut, default: [:]][piece.number] = embedded
    }
    self.rows = rows
    complete = rows.flatMap { row -> [EmbeddedRow] in
      let own = (counts[row] ?? []).lazy.map { cuts[Cut(row: row, count: $0)] ?? [:] }
        .first { own in own.values.allSatisfy { $0.piece?.count == own.count } }
      return (own ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }
  }
}
