import Backfill
import Foundation
import GRDB

/// The pieces of texts that were paid for: a row of many is written when all are there, in this run or in a later one.
extension Ledger {
  /// The pieces of a column's rows that are in the spool: those that wait for others of their rows, and those that were
  /// written last. Of a row that was edited between, those of its last text that was received.
  package func pieces(of target: Int64) async throws -> [RowKey: PaidPieces] {
    try await read { try Ledger.pieces(of: target, $0) }
  }

  static func pieces(of target: Int64, _ db: Database) throws -> [RowKey: PaidPieces] {
    let batches = try Row.fetchCursor(
      db,
      sql: """
        SELECT run_id, number, contents FROM spool JOIN batch USING (run_id, number)
        WHERE state IN ('received', 'settled') AND target_id = ? ORDER BY run_id, number
        """, arguments: [target])
    var rows: [RowKey: PaidPieces] = [:]
    while let batch = try batches.next() {
      let id = BatchID(run: try batch.checked("run_id"), number: try batch.checked("number"))
      for row in try BatchContents.decode(batch.checked("contents")) {
        guard let piece = row.piece else { continue }
        if rows[row.key]?.digest != row.digest { rows[row.key] = PaidPieces(digest: row.digest) }
        rows[row.key]?.add(piece, in: id)
      }
    }
    return rows
  }
}
