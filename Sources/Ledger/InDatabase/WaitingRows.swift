import Backfill

/// The rows of a column that are paid for by replies in the database's spool: the next run writes them before it asks for
/// anything.
package struct WaitingRows: Sendable {
  /// The digests of the texts that were embedded.
  package private(set) var texts: [RowKey: TextDigest] = [:]
  /// Where texts are cut, the pieces that are there.
  package private(set) var pieces: [RowKey: PaidPieces] = [:]

  package init() {}

  /// - Parameters:
  ///   - source: with its key as the database names it.
  ///   - fingerprint: the job's; replies of another are never written, nor are those by another key.
  package init(_ replies: [SpooledRows], of source: Source, _ fingerprint: Fingerprint) {
    for (number, reply) in replies.enumerated() {
      guard reply.format <= SpoolEntry.ownFormat, reply.key == source.key,
        let made = try? Fingerprint(recorded: reply.fingerprint, of: source.column, in: "vecfill_spool"),
        made.admits(fingerprint), let rows = try? BatchContents.decode(reply.contents)
      else { continue }
      for row in rows {
        guard let piece = row.piece else {
          texts[row.key] = row.digest
          continue
        }
        if pieces[row.key]?.digest != row.digest { pieces[row.key] = PaidPieces(digest: row.digest) }
        pieces[row.key]?.add(piece, in: BatchID(run: 0, number: number))
      }
    }
  }

  /// Those of a page's rows that are not paid for.
  package func unpaid(_ rows: [Message]) -> [Message] {
    guard !texts.isEmpty else { return rows }
    let digests = rows.digests
    return rows.filter { row in digests[row.key].map { texts[row.key] != $0 } ?? true }
  }
}
