import Backfill
import Foundation
import GRDB

extension Ledger {
  /// Ends a run that loaded vectors from files, and enters a receipt of them.
  ///
  /// It is no run that finished the job: rows may lack a vector that no file had.
  ///
  /// - Parameters:
  ///   - cost: what they have cost in dollars, which the budget counts too; nil where nobody said it.
  ///   - target: the column that the receipt stands at.
  package func endLoad(
    _ run: Int64, target: Int64, _ tally: Tally, cost: Double?, exitCode: ExitCode, at date: Date
  ) async throws {
    try await write { db in
      if tally.written > 0 || cost != nil {
        try db.execute(
          sql: "INSERT INTO batch (run_id, number, target_id, state, inputs, tokens) VALUES (?, 1, ?, 'settled', ?, ?)",
          arguments: [run, target, tally.written, tally.billedTokens])
        try db.execute(
          sql: """
            INSERT INTO receipt (run_id, number, inputs, billed_tokens, is_counted_here, cost, spent, received_at)
            VALUES (?, 1, ?, ?, 0, ?, ?, ?)
            """,
          arguments: [run, tally.written, tally.billedTokens, cost, cost, date.timeIntervalSince1970])
      }
      try db.execute(
        sql: "UPDATE run SET state = 'stopped', exit_code = ?, reason = ?, ended_at = ?, tally = ? WHERE id = ?",
        arguments: [
          exitCode.rawValue, "it loaded \(tally.written.of("vector")) from files", date.timeIntervalSince1970,
          Ledger.json(tally), run,
        ])
    }
  }
}
