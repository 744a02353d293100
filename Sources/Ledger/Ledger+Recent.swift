import Backfill
import Foundation
import GRDB

extension Ledger {
  /// What a run that goes on received lately, for a process that can only read its ledger.
  package struct Recent: Sendable, Equatable {
    /// Over so long: the last two minutes, or since the run began.
    package let seconds: Double
    package let inputs: Int
    package let billedTokens: Int
    /// Since the run began.
    package let allInputs: Int
  }

  private static let recentSeconds = 120.0

  static func recent(of run: Int64, since start: Date, at now: Date, _ db: Database) throws -> Recent {
    let seconds = min(recentSeconds, max(1, now.timeIntervalSince(start)))
    let sums = try Row.fetchOne(
      db,
      sql: """
        SELECT COALESCE(SUM(inputs), 0) AS all_inputs,
          COALESCE(SUM(inputs) FILTER (WHERE received_at > :since), 0) AS inputs,
          COALESCE(SUM(billed_tokens) FILTER (WHERE received_at > :since), 0) AS tokens
        FROM receipt WHERE run_id = :run
        """, arguments: ["since": now.timeIntervalSince1970 - seconds, "run": run])
    return Recent(
      seconds: seconds, inputs: try sums?.checked("inputs") ?? 0, billedTokens: try sums?.checked("tokens") ?? 0,
      allInputs: try sums?.checked("all_inputs") ?? 0)
  }
}
