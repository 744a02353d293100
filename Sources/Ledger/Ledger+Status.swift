import Backfill
import Foundation
import GRDB

extension Ledger {
  /// A job's newest run on a database, and what the ledger holds of that job's columns.
  package struct JobStatus: Sendable {
    package let job: String
    package let database: String
    package let fingerprint: Fingerprint
    package let columns: [Column]
    package let run: Int64
    /// As it was recorded: a run whose process died is `running` here until the next one begins.
    package let state: RunState
    package let exitCode: Int32?
    package let reason: String?
    package let startedAt: Date
    package let endedAt: Date?
    package let tally: Tally
    package let totals: Totals
  }

  package enum RunState: String, Sendable, Codable {
    case running, completed, stopped, failed
  }

  package struct Column: Sendable {
    package let source: String
    package let vectorColumn: String
    package let quarantined: Int
  }

  /// Sums over all runs on the columns.
  package struct Totals: Sendable, Equatable {
    package let runs: Int
    package let requests: Int
    package let billedTokens: Int
    /// Dollars; nil where no receipt has a price.
    package let cost: Double?
    /// Requests that may have been billed though no reply came.
    package let possiblyPaid: Int
    /// Batches that were received and aren't in their rows yet.
    package let spooledBatches: Int
    /// Requests without a reply yet; those of a dead run will count as possibly paid.
    package let openRequests: Int
  }

  /// The newest run of each job and database, newest first.
  package func jobs() async throws -> [JobStatus] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM run WHERE id IN (SELECT MAX(id) FROM run GROUP BY job, database) ORDER BY id DESC"
      ).map { try Ledger.status(of: $0, db) }
    }
  }

  private static func status(of run: Row, _ db: Database) throws -> JobStatus {
    let database: String = run["database"]
    let columns = (run["sources"] as String).split(separator: ",").map(String.init)
    let targets = try Row.fetchAll(
      db,
      sql: """
        SELECT target.id, source, vector_column, COUNT(key) AS quarantined
        FROM target LEFT JOIN quarantine ON target_id = target.id
        WHERE database = ? AND source || '.' || vector_column IN (SELECT value FROM json_each(?))
        GROUP BY target.id ORDER BY target.id
        """, arguments: [database, json(columns)])
    let owned = targets.map { String($0["id"] as Int64) }.joined(separator: ",")
    let decoder = JSONDecoder()
    return JobStatus(
      job: run["job"], database: database,
      fingerprint: try decoder.decode(Fingerprint.self, from: Data((run["fingerprint"] as String).utf8)),
      columns: targets.map {
        Column(source: $0["source"], vectorColumn: $0["vector_column"], quarantined: $0["quarantined"])
      },
      run: run["id"], state: RunState(rawValue: run["state"]) ?? .failed, exitCode: run["exit_code"],
      reason: run["reason"], startedAt: Date(timeIntervalSince1970: run["started_at"]),
      endedAt: (run["ended_at"] as Double?).map(Date.init(timeIntervalSince1970:)),
      tally: try decoder.decode(Tally.self, from: Data((run["tally"] as String).utf8)),
      totals: try totals(targets: owned, db))
  }

  private static func totals(targets: String, _ db: Database) throws -> Totals {
    let batches = try Row.fetchOne(
      db,
      sql: """
        SELECT COUNT(DISTINCT run_id) AS runs, COALESCE(SUM(possibly_paid), 0) AS possibly_paid,
          COUNT(*) FILTER (WHERE state = 'received') AS spooled, COUNT(*) FILTER (WHERE state = 'requested') AS open
        FROM batch WHERE target_id IN (\(targets))
        """)
    let receipts = try Row.fetchOne(
      db,
      sql: """
        SELECT COUNT(*) AS requests, COALESCE(SUM(billed_tokens), 0) AS tokens, SUM(cost) AS cost
        FROM receipt JOIN batch USING (run_id, number) WHERE target_id IN (\(targets))
        """)
    return Totals(
      runs: batches?["runs"] ?? 0, requests: receipts?["requests"] ?? 0, billedTokens: receipts?["tokens"] ?? 0,
      cost: receipts?["cost"], possiblyPaid: batches?["possibly_paid"] ?? 0, spooledBatches: batches?["spooled"] ?? 0,
      openRequests: batches?["open"] ?? 0)
  }
}
