import Foundation
import GRDB

/// Some thousand batches, one after the other, of which those that can be removed are looked for.
struct BatchSlice: Sendable {
  private var run: Int64 = 0
  private var number = Int.min

  /// About as many as a fifth of a second takes.
  static let size = 20_000

  /// Behind this slice; nil where it is the last one.
  func end(_ db: Database) throws -> BatchSlice? {
    try Row.fetchOne(
      db,
      sql: """
        SELECT run_id, number FROM batch WHERE (run_id, number) > (?, ?) ORDER BY run_id, number
        LIMIT 1 OFFSET \(BatchSlice.size - 1)
        """, arguments: [run, number]
    ).map { BatchSlice(run: try $0.checked("run_id"), number: try $0.checked("number")) }
  }

  init() {}

  private init(run: Int64, number: Int) {
    self.run = run
    self.number = number
  }

  func arguments(before date: Date) -> StatementArguments {
    [run, number, date.timeIntervalSince1970]
  }

  /// Those that are of no use any more but for their sums: settled before ?3 without vectors in the spool, or refused in a
  /// run that ended before it. Where a request may have been paid without a reply, its batch stays.
  static let chosen = """
    SELECT run_id, number, target_id, state FROM (
      SELECT * FROM batch WHERE (run_id, number) > (?1, ?2) ORDER BY run_id, number LIMIT \(size)) AS batch
    WHERE number > 0 AND possibly_paid = 0 AND contents IS NULL
      AND CASE state
        WHEN 'settled' THEN ?3 > (
          SELECT MAX(received_at) FROM receipt WHERE receipt.run_id = batch.run_id AND receipt.number = batch.number)
        WHEN 'refused' THEN ?3 > (
          SELECT COALESCE(ended_at, started_at) FROM run WHERE id = batch.run_id AND state <> 'running')
          AND NOT EXISTS (
            SELECT 1 FROM receipt WHERE receipt.run_id = batch.run_id AND receipt.number = batch.number)
        END
      AND NOT EXISTS (SELECT 1 FROM spool WHERE spool.run_id = batch.run_id AND spool.number = batch.number)
      AND NOT EXISTS (
        SELECT 1 FROM provider_line AS line JOIN provider_batch ON provider_batch.id = line.provider_batch
        WHERE line.run_id = batch.run_id AND line.number = batch.number
          AND provider_batch.state IN ('intended', 'uploaded', 'submitted'))
    """
}
