import Backfill
import Foundation
import GRDB

/// What limits a minute need to know across a restart. Jobs that share a ledger share it where they use the same model:
/// providers count by the account and the model, and a table's own name says nothing of either.
extension Ledger {
  private static let minute = 60.0

  /// Enters that a request is sent, and drops those that no limit a minute counts any more.
  static func enterSent(by run: Int64, tokens: Int, at date: Date, _ db: Database) throws {
    let now = date.timeIntervalSince1970
    try db.cachedStatement(sql: "DELETE FROM sent WHERE sent_at < ?").execute(arguments: [now - minute])
    try db.cachedStatement(sql: "INSERT INTO sent (run_id, sent_at, tokens) VALUES (?, ?, ?)")
      .execute(arguments: [run, now, tokens])
  }

  /// Keeps the limits that an answer to `run` told; one that it doesn't tell stays as it was.
  static func enterTold(_ hints: RateLimitHints, to run: Int64, at date: Date, _ db: Database) throws {
    guard hints.requestLimit != nil || hints.tokenLimit != nil else { return }
    try db.cachedStatement(
      sql: """
        INSERT INTO told_limit (model, requests, tokens, told_at) SELECT model, ?, ?, ? FROM run WHERE id = ?
        ON CONFLICT (model) DO UPDATE SET requests = COALESCE(excluded.requests, requests),
          tokens = COALESCE(excluded.tokens, tokens), told_at = excluded.told_at
        """
    ).execute(arguments: [hints.requestLimit, hints.tokenLimit, date.timeIntervalSince1970, run])
  }

  /// The tokens that the job's last run which was told them was billed for one that it estimated; nil where none was.
  static func billedPerEstimated(of job: Job, _ db: Database) throws -> Double? {
    let ratio = "CASE WHEN json_valid(tally) THEN json_extract(tally, '$.billedPerEstimated') END"
    return try Double.fetchOne(
      db, sql: "SELECT \(ratio) FROM run WHERE job = ? AND model = ? AND \(ratio) > 0 ORDER BY id DESC LIMIT 1",
      arguments: [job.name, job.model.name])
  }

  /// What runs with `model` sent and were told in the minute before `date`.
  static func earlierUse(of model: String, at date: Date, _ db: Database) throws -> EarlierUse {
    let now = date.timeIntervalSince1970
    // A clock that was put back leaves times of the future.
    let minute = now - minute...now + minute
    let sent = try Row.fetchAll(
      db,
      sql: """
        SELECT sent.sent_at, sent.tokens FROM sent JOIN run ON run.id = sent.run_id
        WHERE run.model = ? AND sent.sent_at BETWEEN ? AND ? ORDER BY sent.sent_at
        """, arguments: [model, minute.lowerBound, minute.upperBound])
    let told = try Row.fetchOne(
      db, sql: "SELECT requests, tokens FROM told_limit WHERE model = ? AND told_at BETWEEN ? AND ?",
      arguments: [model, minute.lowerBound, minute.upperBound])
    return EarlierUse(
      requests: try sent.map { row in
        let time: Double = try row.checked("sent_at")
        return EarlierUse.Request(age: .seconds(max(0, now - time)), tokens: max(0, try row.checked("tokens")))
      },
      told: Job.Limits(
        requestsPerMinute: try told?.checkedOptional("requests").flatMap { $0 > 0 ? $0 : nil },
        tokensPerMinute: try told?.checkedOptional("tokens").flatMap { $0 > 0 ? $0 : nil }))
  }
}
