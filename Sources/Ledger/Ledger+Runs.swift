import Backfill
import Foundation
import GRDB

extension Ledger {
  /// A run as it begins, with what earlier runs of the same columns left.
  package struct BegunRun: Sendable {
    package let id: Int64
    /// For each source of the job the ledger's id of its column.
    package let targets: [Int64]
    package let watermarks: [RowKey?]
    package internal(set) var spooled: [Conductor.Spooled]
    /// Requests that an earlier run left without a reply, and which may have been billed.
    package internal(set) var possiblyPaid: Int
    /// Dollars that the job's earlier runs have spent, or may have spent.
    package internal(set) var spent: Double
    /// What earlier runs with the job's model have used of the limits a minute.
    package let earlier: EarlierUse
    /// Rows that were put into quarantine since the job was last complete.
    package let newlyCondemned: Int
    /// What is different from the last run and had an effect on what the ledger held, a sentence each.
    package internal(set) var changes: [String]
    /// What earlier runs came to that this one goes on with; nil where the last one was complete, or there is none.
    package let resumed: Resumed?
    /// Whether rows wait for a batch of the provider's.
    package let waits: Bool
    /// For each source the server's own name for the model that its vectors come from; nil where it has none.
    package let servedModels: [ServedModel?]
    /// Keeps what is received in the database as well; nil with `spool: ledger`.
    package internal(set) var replies: DatabaseReplies?
  }

  /// Begins a run of `job` that fills `columns`, one for each of its sources, and recovers what a dead run has left: its
  /// requests without a reply are counted as possibly paid, and its spool is returned.
  ///
  /// Throws a `Failure` with `.configuration` where the job has an unfinished run on other columns, or where vectors that
  /// are paid for wait by another key, or, for a shard, for a run of the whole column. The caller has the columns' claims, and has found that they may be filled.
  ///
  /// - Parameters:
  ///   - database: the database as its address spells it.
  ///   - runs: runs that the database's spool holds replies of, and when each had its first.
  package func begin(
    _ job: Job, on database: String, columns: [LedgerColumn], restoring runs: [UUID: Date] = [:], at date: Date
  ) async throws -> BegunRun {
    try await write { [path] db in
      var changes: [String] = []
      let targets = try columns.map { column in
        try Ledger.refuseUnwritten(besides: column, ledger: path, db)
        let target = try Ledger.bind(column, in: database, ledger: path, changes: &changes, db)
        try Ledger.takeParts(of: column, as: target, in: database, ledger: path, changes: &changes, db)
        return target
      }
      try Ledger.refuseOtherColumns(job, database, targets, ledger: path, db)
      let owned = targets.map(String.init).joined(separator: ",")
      let lost = try Ledger.loseRequests(targets: owned, db)
      var earlier = try Ledger.earlierUse(of: job.model.name, at: date, db)
      earlier.billedPerCounted = try Ledger.billedPerEstimated(of: job, db)
      let resumed = try Ledger.resumed(job.name, targets: targets, db)
      try db.execute(
        sql:
          "UPDATE run SET state = 'failed', reason = 'its process died' WHERE state = 'running' AND job = ? AND targets = ?",
        arguments: [job.name, Ledger.json(targets)])
      try Ledger.restore(runs, of: job, on: database, targets: targets, db)
      try db.execute(
        sql: """
          INSERT INTO run (job, database, fingerprint, sources, targets, model, started_at, state, tally)
          VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?)
          """,
        arguments: [
          job.name, database, Ledger.json(columns.first?.fingerprint), Ledger.columns(of: job), Ledger.json(targets),
          job.model.name, date.timeIntervalSince1970, Ledger.json(Tally()),
        ])
      let run = db.lastInsertedRowID
      let spooled = try Row.fetchAll(
        db,
        sql: """
          SELECT run_id, number, target_id, contents FROM batch
          WHERE state = 'received' AND target_id IN (\(owned)) ORDER BY run_id, number
          """)
      return BegunRun(
        id: run, targets: targets,
        watermarks: try targets.map { target in
          // A hint: without it the first sweep begins at the lowest key.
          try Row.fetchOne(db, sql: "SELECT watermark FROM target WHERE id = ?", arguments: [target])
            .flatMap { try? $0.decoded("watermark", as: RowKey.self) }
        },
        spooled: try spooled.map { row in
          let target: Int64 = try row.checked("target_id")
          guard let source = targets.firstIndex(of: target) else { throw LedgerDamage(place: "batch.target_id") }
          return Conductor.Spooled(
            id: BatchID(run: try row.checked("run_id"), number: try row.checked("number")), source: source,
            rows: try Set(BatchContents.decode(row.checked("contents")).map(\.key)).count)
        },
        possiblyPaid: lost,
        spent: try Ledger.spent(byJobOf: run, db), earlier: earlier,
        newlyCondemned: try Ledger.newlyCondemned(targets, of: job.name, db), changes: changes, resumed: resumed,
        waits: try targets.contains { try Ledger.hasRows(in: "under_way", of: $0, db) },
        servedModels: try targets.map { try Ledger.servedModel(of: $0, db) })
    }
  }

  /// Ends a run with the tally that is told to the user.
  ///
  /// - Parameter exitCode: what the process ends with; the default is the ending's own.
  package func end(
    _ run: Int64, _ ending: Ending, _ tally: Tally, exitCode: ExitCode? = nil, at date: Date
  ) async throws {
    let state =
      switch ending {
      case .complete, .quarantined: "completed"
      case .stopped, .waiting: "stopped"
      case .failed: "failed"
      }
    let reason: String? =
      switch ending {
      case .failed(let failure): failure.description
      case .stopped(let cause): "stopped by \(cause.name)"
      case .waiting(let rows): "\(rows.of("row")) \(rows == 1 ? "waits" : "wait") for the provider's batch"
      case .complete, .quarantined: nil
      }
    try await write { db in
      try db.execute(
        sql: "UPDATE run SET state = ?, exit_code = ?, reason = ?, ended_at = ?, tally = ? WHERE id = ?",
        arguments: [
          state, (exitCode ?? ending.exitCode).rawValue, reason, date.timeIntervalSince1970, Ledger.json(tally), run,
        ])
      if state == "completed" { try Ledger.forgetRefusedRows(of: run, db) }
    }
  }

  private static func refuseOtherColumns(
    _ job: Job, _ database: String, _ targets: [Int64], ledger: String, _ db: Database
  ) throws {
    let last = try Row.fetchOne(
      db, sql: "SELECT database, sources, targets, state FROM run WHERE job = ? ORDER BY id DESC LIMIT 1",
      arguments: [job.name])
    guard let last, try last.checked("state", as: String.self) != "completed" else { return }
    let lastTargets = try last.decoded("targets", as: [Int64].self)
    guard Set(lastTargets) != Set(targets), try !isAnyForgotten(lastTargets, db) else { return }
    let was = "\(try last.checked("database", as: String.self)) \(try last.checked("sources", as: String.self))"
    // A column that was made again, or whose name another has now, is what the job names.
    guard was != "\(database) \(columns(of: job))" else { return }
    throw Failure(
      .configuration, "job \(job.name)",
      "the ledger \(ledger) has an unfinished run of it on [\(was)], and this is [\(database) \(columns(of: job))]",
      remedy: "finish that one first, or give this one another `name:` in its spec, or its own ledger with --ledger")
  }

  /// Counts requests that a dead run has left without a reply as possibly paid, and returns how many there were.
  static func loseRequests(targets: String, _ db: Database) throws -> Int {
    try db.execute(
      sql: """
        UPDATE batch SET state = 'lost', possibly_paid = possibly_paid + 1, contents = NULL
        WHERE state = 'requested' AND target_id IN (\(targets))
        """)
    return db.changesCount
  }

  private static func isAnyForgotten(_ targets: [Int64], _ db: Database) throws -> Bool {
    let owned = targets.map(String.init).joined(separator: ",")
    return try Bool.fetchOne(
      db,
      sql: "SELECT EXISTS (SELECT 1 FROM target WHERE id IN (\(owned)) AND identity LIKE '\(forgotten) %')") == true
  }

  private static func newlyCondemned(_ targets: [Int64], of job: String, _ db: Database) throws -> Int {
    let all = try json(targets)
    return try Int.fetchOne(
      db,
      sql: """
        SELECT COUNT(*) FROM quarantine WHERE target_id IN (SELECT value FROM json_each(?1)) AND run_id >
          COALESCE((SELECT MAX(id) FROM run WHERE job = ?2 AND targets = ?1 AND state = 'completed'), 0)
        """, arguments: [all, job]) ?? 0
  }

  /// Dollars that the job of a run has spent over all its runs, or may have: on this run's columns by any job, and on every
  /// column of this database that the job has filled, but those that were forgotten.
  static func spent(byJobOf run: Int64, _ db: Database) throws -> Double {
    let targets = try Int64.fetchAll(
      db,
      sql: """
        WITH filled AS (
          SELECT DISTINCT other.targets, other.targets = own.targets AS is_own FROM run AS own
          JOIN run AS other ON other.id = own.id OR other.job = own.job AND other.database = own.database
          WHERE own.id = ?
        )
        SELECT DISTINCT held.value FROM filled, json_each(filled.targets) AS held
        WHERE is_own OR NOT EXISTS (
          SELECT 1 FROM target WHERE target.id = held.value AND target.identity LIKE '\(forgotten) %')
        """, arguments: [run])
    return try spent(targets: targets.map(String.init).joined(separator: ","), db)
  }

  static func spent(targets: String, _ db: Database) throws -> Double {
    try Double.fetchOne(
      db,
      sql: """
        SELECT COALESCE((SELECT SUM(receipt.spent) FROM receipt JOIN batch USING (run_id, number)
                         WHERE batch.target_id IN (\(targets))), 0)
             + COALESCE((SELECT SUM((possibly_paid + (state = 'submitted')) * reservation) FROM batch
                         WHERE target_id IN (\(targets))), 0)
        """) ?? 0
  }

  static func columns(of job: Job) -> String {
    job.sources.map(\.column).joined(separator: ",")
  }

  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
