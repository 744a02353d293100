import Backfill
import Foundation
import GRDB

/// Vectors that were written stay in the spool for a while: a database may lose its last transactions, as a standby does
/// that takes over before it has received them, and its rows then come again.
extension Ledger {
  /// The most bytes of vectors that are kept so.
  static let mostKeptBytes = 64 << 20

  /// The rows of a column whose vectors were written last, and the batch that has each.
  package func kept(of target: Int64) async throws -> [RowKey: KeptRow] {
    try await read { db in
      let batches = try Row.fetchCursor(
        db,
        sql: """
          SELECT run_id, number, contents FROM spool JOIN batch USING (run_id, number)
          WHERE state = 'settled' AND target_id = ? ORDER BY run_id, number
          """, arguments: [target])
      var rows: [RowKey: KeptRow] = [:]
      while let batch = try batches.next() {
        let id = BatchID(run: try batch.checked("run_id"), number: try batch.checked("number"))
        for row in try BatchContents.decode(batch.checked("contents")) {
          rows[row.key] = KeptRow(batch: id, digest: row.digest)
        }
      }
      return rows
    }
  }

  /// How many bytes of vectors may be settled before the oldest ones are looked for once more.
  static let mostUncountedBytes = 4 << 20

  /// Drops the oldest vectors beyond those that are kept, after `batches` have been settled.
  ///
  /// To find them the whole spool is gone through: at a run's first settlement, and then once every 4 MiB.
  func dropOldVectors(after batches: [BatchID], _ db: Database) throws {
    let settled = try batches.reduce(0) { try $0 + Ledger.spooledBytes(of: $1, db) }
    let isDue = uncountedBytes.withLock { bytes in
      bytes = bytes.map { $0 + settled } ?? Ledger.mostUncountedBytes
      return (bytes ?? 0) >= Ledger.mostUncountedBytes
    }
    guard isDue else { return }
    try Ledger.dropOldVectors(db)
    uncountedBytes.withLock { $0 = 0 }
  }

  private static func spooledBytes(of id: BatchID, _ db: Database) throws -> Int {
    try Int.fetchOne(
      db.cachedStatement(sql: "SELECT length(vectors) FROM spool WHERE run_id = ? AND number = ?"),
      arguments: [id.run, id.number]) ?? 0
  }

  private static func dropOldVectors(_ db: Database) throws {
    let dropped = try Row.fetchAll(
      db.cachedStatement(
        sql: """
          DELETE FROM spool WHERE rowid IN (
            SELECT id FROM (
              SELECT spool.rowid AS id, SUM(length(vectors)) OVER (
                ORDER BY run_id DESC, number DESC ROWS UNBOUNDED PRECEDING) AS bytes
              FROM spool JOIN batch USING (run_id, number) WHERE state = 'settled')
            WHERE bytes > \(mostKeptBytes))
          RETURNING run_id, number
          """))
    for row in dropped {
      try db.cachedStatement(sql: "UPDATE batch SET contents = NULL WHERE run_id = ? AND number = ?")
        .execute(arguments: [row[0] as Int64?, row[1] as Int64?])
    }
  }
}

/// A row whose vector was written, and is still in the spool.
package struct KeptRow: Equatable, Sendable {
  package let batch: BatchID
  /// The digest of the text that was embedded.
  package let digest: TextDigest

  package init(batch: BatchID, digest: TextDigest) {
    self.batch = batch
    self.digest = digest
  }
}
