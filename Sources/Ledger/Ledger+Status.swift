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
    /// The rows that runs wrote before this one, since the columns were last complete.
    package let writtenBefore: Int
    package let run: Int64
    /// As it was recorded: a run whose process died is `running` here until the next one begins.
    package let state: RunState
    package let exitCode: Int32?
    package let reason: String?
    package let startedAt: Date
    package let endedAt: Date?
    package let tally: Tally
    package let totals: Totals
    /// Of a run that is recorded as running.
    package let recent: Recent?

    /// The shard that the columns are; nil for whole ones.
    package var shard: Int? { columns.lazy.compactMap(\.identity).compactMap(ColumnIdentity.shard).first }

    /// Rows in quarantine now.
    package var quarantined: Int { columns.reduce(0) { $0 + $1.quarantined } }

    /// Rows that were in quarantine when the run ended and were taken out since: the next run embeds them.
    package var released: Int { max(0, tally.quarantined - quarantined) }

    /// Rows that need nothing more. One in quarantine has no vector.
    package var done: Int { tally.written + tally.changed + tally.excluded }
  }

  package enum RunState: String, Sendable, Codable {
    case running, completed, stopped, failed
  }

  package struct Column: Sendable {
    /// What the database says that the column is; nil where an earlier version filled it last.
    package let identity: String?
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
  package func jobs(at now: Date = Date()) async throws -> [JobStatus] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM run WHERE id IN (SELECT MAX(id) FROM run GROUP BY job, targets) ORDER BY id DESC"
      ).map { try Ledger.status(of: $0, at: now, db) }
    }
  }

  private static func status(of run: Row, at now: Date, _ db: Database) throws -> JobStatus {
    let database: String = try run.checked("database")
    let targets = try Row.fetchAll(
      db,
      sql: """
        SELECT target.id, identity, source, vector_column, COUNT(quarantine.key) AS quarantined
        FROM target LEFT JOIN quarantine ON target_id = target.id
        WHERE target.id IN (SELECT value FROM json_each(?))
        GROUP BY target.id ORDER BY target.id
        """, arguments: [try run.checked("targets", as: String.self)])
    let owned = try targets.map { String(try $0.checked("id", as: Int64.self)) }.joined(separator: ",")
    let state = RunState(rawValue: try run.checked("state")) ?? .failed
    let startedAt = Date(timeIntervalSince1970: try run.checked("started_at"))
    return JobStatus(
      job: try run.checked("job"), database: database,
      fingerprint: try run.decoded("fingerprint"),
      columns: try targets.map {
        Column(
          identity: try $0.checkedOptional("identity"), source: try $0.checked("source"),
          vectorColumn: try $0.checked("vector_column"),
          quarantined: try $0.checked("quarantined"))
      },
      writtenBefore: try resumed(
        run.checked("job"), targets: run.decoded("targets"), before: run.checked("id"), db)?.done ?? 0,
      run: try run.checked("id"), state: state,
      exitCode: try run.checkedOptional("exit_code"), reason: try run.checkedOptional("reason"),
      startedAt: startedAt,
      endedAt: try run.checkedOptional("ended_at", as: Double.self).map(Date.init(timeIntervalSince1970:)),
      tally: try run.decoded("tally"),
      totals: try totals(targets: owned, db),
      recent: state == .running ? try recent(of: run.checked("id"), since: startedAt, at: now, db) : nil)
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
        SELECT COALESCE(SUM(requests) FILTER (WHERE receipt.inputs > 0), 0) AS requests,
          COALESCE(SUM(billed_tokens), 0) AS tokens, SUM(cost) AS cost
        FROM receipt JOIN batch USING (run_id, number) WHERE target_id IN (\(targets))
        """)
    return Totals(
      runs: try batches?.checked("runs") ?? 0, requests: try receipts?.checked("requests") ?? 0,
      billedTokens: try receipts?.checked("tokens") ?? 0, cost: try receipts?.checkedOptional("cost"),
      possiblyPaid: try batches?.checked("possibly_paid") ?? 0, spooledBatches: try batches?.checked("spooled") ?? 0,
      openRequests: try batches?.checked("open") ?? 0)
  }
}
