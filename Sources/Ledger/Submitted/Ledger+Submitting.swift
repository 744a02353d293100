import Backfill
import Foundation
import GRDB

/// The way of a file of requests to the provider, step by step: each is durable before the next one is taken.
extension Ledger {
  private static let open = "('intended', 'uploaded', 'submitted')"

  /// The batches that have not ended and hold lines of one of these columns, in the order in which they were made.
  package func openBatches(of targets: [Int64]) async throws -> [SubmittedBatch] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM provider_batch WHERE state IN \(Ledger.open) AND \(Ledger.isOf(targets)) ORDER BY id
          """
      ).map(SubmittedBatch.init(row:))
    }
  }

  /// The batches of the columns of a job's newest run: those that have not ended, and those that ended last.
  package func batches(of status: JobStatus, ended most: Int = 0) async throws -> [SubmittedBatch] {
    try await read { db in
      let targets = try Row.fetchOne(db, sql: "SELECT targets FROM run WHERE id = ?", arguments: [status.run])?
        .decoded("targets", as: [Int64].self)
      let isOf = Ledger.isOf(targets ?? [])
      return try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM provider_batch WHERE \(isOf) AND (state IN \(Ledger.open) OR id IN (
            SELECT id FROM provider_batch WHERE \(isOf) AND state NOT IN \(Ledger.open) AND state <> 'withdrawn'
            ORDER BY id DESC LIMIT ?)) ORDER BY id
          """, arguments: [most]
      ).map(SubmittedBatch.init(row:))
    }
  }

  /// Whether a batch holds lines of one of the columns. All lines of a file are of the same run, and so of the columns that
  /// this run fills.
  static func isOf(_ targets: [Int64]) -> String {
    let owned = targets.map(String.init).joined(separator: ",")
    return """
      (EXISTS (SELECT 1 FROM run, json_each(run.targets) WHERE run.id = provider_batch.run_id AND value IN (\(owned)))
        OR EXISTS (SELECT 1 FROM provider_line AS line JOIN under_way USING (run_id, number)
          WHERE line.provider_batch = provider_batch.id AND under_way.target_id IN (\(owned))))
      """
  }

  /// A file of `lines` is about to be uploaded, and its rows are held from now on.
  ///
  /// - Parameter places: up to where each column was read for it, by the column's id.
  package func intend(
    _ lines: [SubmittedLine], _ intent: BatchIntent, run: Int64, places: [Int64: SubmittedPlace]
  ) async throws -> Int64 {
    let contents = try lines.map { try BatchContents.encode($0.rows) }
    return try await write { db in
      let tokens = lines.reduce(0) { $0 + $1.tokens.counted }
      let underWay = try Ledger.tokensUnderWay(db)
      let reservations = lines.compactMap(\.reservation)
      try db.execute(
        sql: """
          INSERT INTO provider_batch
            (run_id, job, state, file_name, nonce, made_at, lines, inputs, rows, tokens, tokens_under_way, reservation)
          VALUES (?, ?, 'intended', ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          run, intent.job, intent.fileName, intent.nonce, intent.madeAt.timeIntervalSince1970, lines.count,
          lines.reduce(0) { $0 + $1.inputs }, lines.reduce(0) { $0 + Set($1.rows.map(\.key)).count }, tokens,
          underWay + tokens, reservations.isEmpty ? nil : reservations.reduce(0, +),
        ])
      let id = db.lastInsertedRowID
      for (line, contents) in zip(lines, contents) { try Ledger.enter(line, contents, of: id, db) }
      try Ledger.enter(places, db)
      return id
    }
  }

  /// Up to where the columns were read without a row to submit.
  package func record(_ places: [Int64: SubmittedPlace]) async throws {
    try await write { db in try Ledger.enter(places, db) }
  }

  private static func enter(_ places: [Int64: SubmittedPlace], _ db: Database) throws {
    for (target, place) in places {
      try db.execute(
        sql: "INSERT OR REPLACE INTO submitted_through (target_id, place) VALUES (?, ?)",
        arguments: [target, json(place)])
    }
  }

  private static func enter(_ line: SubmittedLine, _ contents: Data, of batch: Int64, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO batch (run_id, number, target_id, state, inputs, tokens, reservation, contents)
        VALUES (?, ?, ?, 'submitted', ?, ?, ?, ?)
        """
    ).execute(arguments: [
      line.id.run, line.id.number, line.target, line.inputs, line.tokens.counted, line.reservation, contents,
    ])
    try db.cachedStatement(
      sql: "INSERT INTO provider_line (run_id, number, provider_batch, tokens, fitted_rows) VALUES (?, ?, ?, ?, ?)"
    ).execute(arguments: [line.id.run, line.id.number, batch, json(line.tokens), line.fittedRows])
    let hold = try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO under_way (target_id, key, run_id, number, digest) VALUES (?, ?, ?, ?, ?)")
    for row in line.rows {
      try hold.execute(arguments: [
        line.target, json(row.key), line.id.run, line.id.number, Data(row.digest.bytes),
      ])
    }
  }

  /// Its file is with the provider: from now on a batch of it may have been asked for.
  package func uploaded(_ id: Int64, file: String, at date: Date) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE provider_batch SET state = 'uploaded', file_id = ?, shown_at = ? WHERE id = ?",
        arguments: [file, date.timeIntervalSince1970, id])
    }
  }

  /// The provider shows it.
  package func shown(_ id: Int64, _ batch: ProviderBatch, at date: Date) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE provider_batch SET state = 'submitted', batch_id = ?, told = ?, shown_at = ?, looks = 0,
            output_file = COALESCE(?, output_file), error_file = COALESCE(?, error_file) WHERE id = ?
          """,
        arguments: [
          batch.id, batch.told, date.timeIntervalSince1970, batch.outputFile, batch.errorFile, id,
        ])
    }
  }

  /// The provider doesn't show it; returns how often that was so now.
  package func notShown(_ id: Int64) async throws -> Int {
    try await write { db in
      try db.execute(sql: "UPDATE provider_batch SET looks = looks + 1 WHERE id = ?", arguments: [id])
      return try Int.fetchOne(db, sql: "SELECT looks FROM provider_batch WHERE id = ?", arguments: [id]) ?? 0
    }
  }

  /// What was under way when a provider said last that this was too much; nil where none has.
  package func lastOverEnqueued() async throws -> EnqueuedLimit.Refusal? {
    try await read { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT tokens_under_way, ended_at FROM provider_batch WHERE state = 'overEnqueued' ORDER BY ended_at DESC LIMIT 1
          """
      ).map { row in
        EnqueuedLimit.Refusal(
          tokens: try row.checked("tokens_under_way"),
          time: Date(timeIntervalSince1970: try row.checked("ended_at")))
      }
    }
  }

  /// The tokens of all batches that are under way, of whatever job: an account has one limit.
  package func tokensUnderWay() async throws -> Int {
    try await read { db in try Ledger.tokensUnderWay(db) }
  }

  private static func tokensUnderWay(_ db: Database) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT SUM(tokens) FROM provider_batch WHERE state IN \(open)") ?? 0
  }

  /// Dollars that the job of a run has spent over all its runs, or may have, with what is reserved for what is under way.
  package func spent(byJobOf run: Int64) async throws -> Double {
    try await read { db in try Ledger.spent(byJobOf: run, db) }
  }
}
