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
    package let spooled: [Conductor.Spooled]
    /// Requests that an earlier run left without a reply, and which may have been billed.
    package let possiblyPaid: Int
    /// Dollars that the job's earlier runs have spent, or may have spent.
    package let spent: Double
  }

  /// Begins a run of `job` on the database with that identity, and recovers what a dead run has left: its requests
  /// without a reply are counted as possibly paid, its spool is told.
  ///
  /// Throws a `Failure` with `.configuration` that shows both fingerprints where a column holds another one, or where
  /// the job has an unfinished run on other columns (P4). The caller holds the job's lock.
  package func begin(_ job: Job, on database: String, at date: Date) async throws -> BegunRun {
    try await write { [path] db in
      let targets = try job.sources.map { source in
        try Ledger.bind(source, of: database, to: job.fingerprint, ledger: path, db)
      }
      try Ledger.refuseOtherColumns(job, database, ledger: path, db)
      let owned = targets.map(String.init).joined(separator: ",")
      try db.execute(
        sql: """
          UPDATE batch SET state = 'lost', possibly_paid = possibly_paid + 1, contents = NULL
          WHERE state = 'requested' AND target_id IN (\(owned))
          """)
      let lost = db.changesCount
      try db.execute(
        sql:
          "UPDATE run SET state = 'failed', reason = 'its process died' WHERE state = 'running' AND job = ? AND database = ?",
        arguments: [job.name, database])
      try db.execute(
        sql: """
          INSERT INTO run (job, database, fingerprint, sources, model, started_at, state, tally)
          VALUES (?, ?, ?, ?, ?, ?, 'running', ?)
          """,
        arguments: [
          job.name, database, Ledger.json(job.fingerprint), Ledger.columns(of: job), job.model.name,
          date.timeIntervalSince1970, Ledger.json(Tally()),
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
            rows: try BatchContents.decode(row.checked("contents")).count)
        },
        possiblyPaid: lost,
        spent: try Ledger.spent(targets: owned, db))
    }
  }

  /// Ends a run with the tally that is told to the user.
  package func end(_ run: Int64, _ ending: Ending, _ tally: Tally, at date: Date) async throws {
    let state =
      switch ending {
      case .complete, .quarantined: "completed"
      case .stopped: "stopped"
      case .failed: "failed"
      }
    let reason: String? = if case .failed(let failure) = ending { failure.description } else { nil }
    try await write { db in
      try db.execute(
        sql: "UPDATE run SET state = ?, exit_code = ?, reason = ?, ended_at = ?, tally = ? WHERE id = ?",
        arguments: [
          state, ending.exitCode.rawValue, reason, date.timeIntervalSince1970, Ledger.json(tally), run,
        ])
    }
  }

  /// The ledger's id of a column, which holds one fingerprint only.
  private static func bind(
    _ source: Source, of database: String, to fingerprint: Fingerprint, ledger: String, _ db: Database
  ) throws -> Int64 {
    let known = try Row.fetchOne(
      db, sql: "SELECT id, fingerprint FROM target WHERE database = ? AND source = ? AND vector_column = ?",
      arguments: [database, source.name, source.vector])
    guard let known else {
      try db.execute(
        sql: "INSERT INTO target (database, source, vector_column, fingerprint) VALUES (?, ?, ?, ?)",
        arguments: [database, source.name, source.vector, json(fingerprint)])
      return db.lastInsertedRowID
    }
    let held = try known.decoded("fingerprint", as: Fingerprint.self)
    guard held == fingerprint else {
      throw Failure(
        .configuration, "\(source.name).\(source.vector)",
        "the ledger \(ledger) says that it holds vectors of [\(held)], and the job makes [\(fingerprint)]",
        remedy: "use the former again, fill another column, or empty this one and give a new ledger with --ledger")
    }
    return try known.checked("id")
  }

  private static func refuseOtherColumns(_ job: Job, _ database: String, ledger: String, _ db: Database) throws {
    let last = try Row.fetchOne(
      db, sql: "SELECT database, sources, state FROM run WHERE job = ? ORDER BY id DESC LIMIT 1", arguments: [job.name])
    guard let last, try last.checked("state", as: String.self) != "completed" else { return }
    let was = "\(try last.checked("database", as: String.self)) \(try last.checked("sources", as: String.self))"
    let now = "\(database) \(columns(of: job))"
    guard was == now else {
      throw Failure(
        .configuration, "job \(job.name)",
        "the ledger \(ledger) has an unfinished run of it on [\(was)], and this is [\(now)]",
        remedy: "finish that one first, or give this one its own ledger with --ledger")
    }
  }

  private static func spent(targets: String, _ db: Database) throws -> Double {
    try Double.fetchOne(
      db,
      sql: """
        SELECT COALESCE((SELECT SUM(receipt.spent) FROM receipt JOIN batch USING (run_id, number)
                         WHERE batch.target_id IN (\(targets))), 0)
             + COALESCE((SELECT SUM(possibly_paid * reservation) FROM batch WHERE target_id IN (\(targets))), 0)
        """) ?? 0
  }

  private static func columns(of job: Job) -> String {
    job.sources.map { "\($0.name).\($0.vector)" }.joined(separator: ",")
  }

  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
