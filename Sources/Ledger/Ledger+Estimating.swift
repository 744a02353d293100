import Backfill
import Foundation
import GRDB

extension Ledger {
  /// What the ledger holds of a column that need not be paid for (again).
  package struct ColumnContents: Sendable {
    /// The ledger's id of the column.
    package let target: Int64
    /// The rows whose vectors are in the spool, with the digests of the texts that were embedded.
    package let spooled: [RowKey: TextDigest]
    /// The pieces of texts whose vectors are in the spool.
    package let pieces: [RowKey: PaidPieces]
  }

  /// What the ledger holds of a column; nil where that is nothing, or vectors of another fingerprint, which a run doesn't
  /// go on with.
  ///
  /// - Parameter database: the database as its address spells it.
  package func contents(
    of identity: ColumnIdentity, _ source: Source, in database: String, fingerprint: Fingerprint
  ) async throws -> ColumnContents? {
    try await read { db in
      guard let known = try Ledger.target(of: identity, source, in: database, db),
        try Ledger.fingerprint(known, source).admits(fingerprint)
      else { return nil }
      let target: Int64 = try known.checked("id")
      var spooled: [RowKey: TextDigest] = [:]
      let batches = try Data.fetchCursor(
        db,
        sql: """
          SELECT contents FROM spool JOIN batch USING (run_id, number)
          WHERE state IN ('received', 'settled') AND target_id = ?
          """, arguments: [target])
      while let batch = try batches.next() {
        for row in try BatchContents.decode(batch) where row.piece == nil { spooled[row.key] = row.digest }
      }
      var pieces: [RowKey: PaidPieces] = [:]
      if source.chunks != nil { pieces = try Ledger.pieces(of: target, db) }
      return ColumnContents(target: target, spooled: spooled, pieces: pieces)
    }
  }

  /// The rows of a page that are neither paid for nor wait for a provider's batch, with the text that they have.
  package func unpaid(_ rows: [Message], of contents: ColumnContents) async throws -> [Message] {
    guard !rows.isEmpty else { return rows }
    let digests = Dictionary(
      rows.compactMap { row in row.text.map { (row.key, TextDigest(of: $0)) } }, uniquingKeysWith: { first, _ in first }
    )
    let waiting = try await underWay(digests, of: contents.target)
    return rows.filter { row in
      guard let digest = digests[row.key] else { return true }
      return contents.spooled[row.key] != digest && !waiting.contains(row.key)
    }
  }
}
