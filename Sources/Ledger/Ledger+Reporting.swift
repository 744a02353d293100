import Backfill
import Foundation
import GRDB

extension Ledger {
  /// What the ledger knows of a job's runs over time.
  package struct History: Sendable {
    /// The newest, newest first; at most `mostRuns`.
    package let runs: [PastRun]
    /// The newest run that had a reply; nil where none had.
    package let charted: Int64?
    /// How long each of `slices` is, in seconds.
    package let sliceSeconds: Int
    /// What came back in that run, slice by slice without a gap.
    package let slices: [Slice]
    /// What came back on each day, in UTC, that had a reply.
    package let days: [Slice]
    /// By the cause's name how many rows of the job's columns are in quarantine.
    package let quarantine: [String: Int]
    /// The newest of them; at most `mostRows`.
    package let quarantined: [QuarantinedRow]
  }

  package struct PastRun: Sendable {
    package let id: Int64
    package let state: RunState
    package let exitCode: Int32?
    package let startedAt: Date
    package let endedAt: Date?
    package let written: Int
    package let requests: Int
    package let tokens: Int
    /// Dollars; nil where no receipt has a price.
    package let cost: Double?
    package let possiblyPaid: Int
  }

  package struct Slice: Sendable, Equatable {
    package let start: Date
    package var requests = 0
    package var inputs = 0
    package var tokens = 0
    /// Dollars; 0 where no price is known.
    package var cost = 0.0
  }

  package static let mostRuns = 50
  package static let mostRows = 50
  private static let mostSlices = 240

  /// When a run of `job` last ended complete; nil where none has.
  package func lastSuccess(of job: String) async throws -> Date? {
    try await read { db in
      try Double.fetchOne(
        db, sql: "SELECT MAX(ended_at) FROM run WHERE job = ? AND state = 'completed'", arguments: [job]
      ).map(Date.init(timeIntervalSince1970:))
    }
  }

  /// The history of the job whose newest run is `status`.
  package func history(of status: JobStatus) async throws -> History {
    try await read { db in
      let targets: String =
        try String.fetchOne(
          db, sql: "SELECT targets FROM run WHERE id = ?", arguments: [status.run]) ?? "[]"
      let charted = try Int64.fetchOne(
        db, sql: "SELECT MAX(run_id) FROM receipt WHERE run_id IN (SELECT id FROM run WHERE job = ?)",
        arguments: [status.job])
      let (seconds, slices) = try charted.map { try Ledger.slices(ofRun: $0, db) } ?? (60, [])
      return History(
        runs: try Ledger.pastRuns(of: status.job, db), charted: charted, sliceSeconds: seconds, slices: slices,
        days: try Ledger.days(of: status.job, db), quarantine: try Ledger.quarantineCounts(targets, db),
        quarantined: try Ledger.newestQuarantined(targets, db))
    }
  }

  private static func pastRuns(of job: String, _ db: Database) throws -> [PastRun] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT run.*, COALESCE(SUM(requests) FILTER (WHERE receipt.inputs > 0), 0) AS requests,
          COALESCE(SUM(billed_tokens), 0) AS tokens, SUM(cost) AS cost,
          (SELECT COALESCE(SUM(possibly_paid), 0) FROM batch WHERE batch.run_id = run.id) AS lost
        FROM (SELECT * FROM run WHERE job = ? ORDER BY id DESC LIMIT \(mostRuns)) AS run
          LEFT JOIN receipt ON receipt.run_id = run.id
        GROUP BY run.id ORDER BY run.id DESC
        """, arguments: [job]
    ).map { row in
      PastRun(
        id: try row.checked("id"), state: RunState(rawValue: try row.checked("state")) ?? .failed,
        exitCode: try row.checkedOptional("exit_code"),
        startedAt: Date(timeIntervalSince1970: try row.checked("started_at")),
        endedAt: try row.checkedOptional("ended_at", as: Double.self).map(Date.init(timeIntervalSince1970:)),
        written: try row.decoded("tally", as: Tally.self).written, requests: try row.checked("requests"),
        tokens: try row.checked("tokens"), cost: try row.checkedOptional("cost"), possiblyPaid: try row.checked("lost"))
    }
  }

  /// A run's replies in slices of a second at least, and of so many that a chart shows each.
  private static func slices(ofRun run: Int64, _ db: Database) throws -> (seconds: Int, [Slice]) {
    let bounds = try Row.fetchOne(
      db, sql: "SELECT MIN(received_at) AS first, MAX(received_at) AS last FROM receipt WHERE run_id = ?",
      arguments: [run])
    guard let bounds, let first = try bounds.checkedOptional("first", as: Double.self),
      let last = try bounds.checkedOptional("last", as: Double.self), first.isFinite, last - first < 1e9
    else { return (60, []) }
    let seconds =
      [1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600].first { (last - first) / Double($0) < Double(mostSlices) }
      ?? 86_400
    let origin = (first / Double(seconds)).rounded(.down) * Double(seconds)
    let count = Int((last - origin) / Double(seconds)) + 1
    var slices = (0..<count).map { Slice(start: Date(timeIntervalSince1970: origin + Double($0 * seconds))) }
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT CAST((received_at - ?) / ? AS INTEGER) AS slice, \(sums) FROM receipt WHERE run_id = ? GROUP BY slice
        """, arguments: [origin, Double(seconds), run])
    for row in rows {
      let index: Int = try row.checked("slice")
      if slices.indices.contains(index) { try fill(&slices[index], from: row) }
    }
    return (seconds, slices)
  }

  private static func days(of job: String, _ db: Database) throws -> [Slice] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT CAST(received_at / 86400 AS INTEGER) AS day, \(sums)
        FROM receipt WHERE run_id IN (SELECT id FROM run WHERE job = ?)
        GROUP BY day ORDER BY day DESC LIMIT 60
        """, arguments: [job]
    ).reversed().map { row in
      var slice = Slice(start: Date(timeIntervalSince1970: 86_400 * Double(try row.checked("day", as: Int.self))))
      try fill(&slice, from: row)
      return slice
    }
  }

  private static let sums = """
    COALESCE(SUM(requests) FILTER (WHERE inputs > 0), 0) AS requests, SUM(inputs) AS inputs, SUM(billed_tokens) AS tokens,
    COALESCE(SUM(cost), 0.0) AS cost
    """

  private static func fill(_ slice: inout Slice, from row: Row) throws {
    slice.requests = try row.checked("requests")
    slice.inputs = try row.checked("inputs")
    slice.tokens = try row.checked("tokens")
    slice.cost = try row.checked("cost")
  }

  private static func quarantineCounts(_ targets: String, _ db: Database) throws -> [String: Int] {
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT class, COUNT(*) AS count FROM quarantine
        WHERE target_id IN (SELECT value FROM json_each(?)) GROUP BY class
        """, arguments: [targets])
    return Dictionary(
      try rows.map { (try $0.checked("class", as: String.self), try $0.checked("count", as: Int.self)) }
    ) { $0 + $1 }
  }

  private static func newestQuarantined(_ targets: String, _ db: Database) throws -> [QuarantinedRow] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT database, source, vector_column, quarantine.key AS key, class, reason, run_id, condemned_at
        FROM quarantine JOIN target ON target.id = target_id
        WHERE target_id IN (SELECT value FROM json_each(?))
        ORDER BY condemned_at DESC, target_id, quarantine.key LIMIT \(mostRows)
        """, arguments: [targets]
    ).map(QuarantinedRow.init(row:))
  }
}
