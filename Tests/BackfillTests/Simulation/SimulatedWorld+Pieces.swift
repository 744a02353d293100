import Backfill

/// Sources whose texts are cut into pieces.
extension SimulatedWorld {
  /// What the ledger has of a source's pieces.
  func paidPieces(of source: Int) -> [RowKey: PaidPieces] {
    var paid: [RowKey: PaidPieces] = [:]
    for (id, spooled) in ledger.spool where spooled.source == source {
      for row in spooled.rows {
        guard let piece = row.piece else { continue }
        // The digest of the text that the row has by now, where the ledger has pieces of several.
        guard case .integer(let key) = row.key, let held = tables[source].rows[key], held.text != nil,
          held.textDigest == row.digest
        else { continue }
        paid[row.key, default: PaidPieces(digest: row.digest)].add(piece, in: id)
      }
    }
    return paid
  }

  /// The rows of a write whose pieces are put together. Each must have all of its pieces, and each piece the vector of its
  /// own text.
  mutating func assembled(
    _ part: Conductor.Write.Part, _ cutting: Cutting
  ) -> [(row: BatchRow, vector: TextDigest)] {
    var pieces: [BatchRow: [Piece: TextDigest]] = [:]
    var source = 0
    for id in [part.batch] + part.others {
      guard let spooled = ledger.spool[id] else {
        violations.append("batch \(id.run)/\(id.number) is to be written and not in the ledger")
        continue
      }
      source = spooled.source
      for row in spooled.rows where part.rows?.contains(row.key) ?? true {
        guard let piece = row.piece else { continue }
        let whole = BatchRow(key: row.key, digest: row.digest, input: 0)
        pieces[whole, default: [:]][piece] = spooled.vectors[row.input]
      }
    }
    if Set(pieces.keys.map(\.key)) != part.rows { violations.append("a row is to be written and has no piece") }
    var rows: [(row: BatchRow, vector: TextDigest)] = []
    for (row, own) in pieces {
      guard case .integer(let key) = row.key, let held = tables[source].rows[key], let text = held.text,
        held.textDigest == row.digest
      else {
        rows.append((row, row.digest))
        continue
      }
      if own != rightPieces(of: text, held.textDigest, cutting) {
        violations.append("row \(key) is written with other pieces than its text has")
      }
      rows.append((row, held.textDigest))
    }
    return rows
  }

  private mutating func rightPieces(
    of text: String, _ digest: TextDigest, _ cutting: Cutting
  ) -> [Piece: TextDigest] {
    if let known = rightPieces[digest] { return known }
    let cut = packer.pack(MessagePage([Message(key: .integer(0), text: text)], continuesAfter: nil), cutting: cutting)
    var pieces: [Piece: TextDigest] = [:]
    for contents in cut.contents {
      for row in contents.rows { row.piece.map { pieces[$0] = TextDigest(of: contents.inputs[row.input].texts[0]) } }
    }
    rightPieces[digest] = pieces
    return pieces
  }
}
