import Backfill
import Foundation
import GRDB

/// What a batch of the provider's has brought, line by line.
extension Ledger {
  /// What became of a line.
  package enum LineEnd: Sendable, Equatable {
    /// It was not embedded and not billed: its rows come again.
    case missing
    /// It was refused: its rows come again, one request after the other.
    case refused
    /// It may have been billed, and brought nothing that can be used.
    case lost
    /// The same, and its rows come again one request after the other.
    case lostRefused
  }

  /// The lines of a batch that have no answer yet, by their names in the file.
  package func lines(of batch: Int64) async throws -> [String: SubmittedLine] {
    try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT run_id, number, target_id, inputs, reservation, provider_line.tokens AS counts, fitted_rows
          FROM provider_line JOIN batch USING (run_id, number) WHERE provider_batch = ? AND state = 'submitted'
          """, arguments: [batch])
      var lines: [String: SubmittedLine] = [:]
      while let row = try rows.next() {
        let id = BatchID(run: try row.checked("run_id"), number: try row.checked("number"))
        lines[id.lineName] = SubmittedLine(
          id: id, target: try row.checked("target_id"), rows: [], inputs: try row.checked("inputs"),
          tokens: try row.decoded("counts"), fittedRows: try row.checked("fitted_rows"),
          reservation: try row.checkedOptional("reservation"))
      }
      return lines
    }
  }

  /// The number of texts of each line of a batch, by the line's name in the file.
  package func inputs(ofLinesOf batch: Int64) async throws -> [String: Int] {
    try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT run_id, number, inputs FROM provider_line JOIN batch USING (run_id, number) WHERE provider_batch = ?
          """, arguments: [batch])
      var inputs: [String: Int] = [:]
      while let row = try rows.next() {
        let id = BatchID(run: try row.checked("run_id"), number: try row.checked("number"))
        inputs[id.lineName] = try row.checked("inputs")
      }
      return inputs
    }
  }

  /// Not all that a batch has brought can be read; returns how often that was so now, and since when.
  package func notRead(_ id: Int64, at date: Date) async throws -> (looks: Int, since: Date) {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE provider_batch SET unread_looks = unread_looks + 1, unread_since = COALESCE(unread_since, ?)
          WHERE id = ?
          """, arguments: [date.timeIntervalSince1970, id])
      let row = try Row.fetchOne(
        db, sql: "SELECT unread_looks, unread_since FROM provider_batch WHERE id = ?", arguments: [id])
      guard let row else { throw LedgerDamage(place: "provider_batch") }
      return (
        looks: try row.checked("unread_looks"), since: Date(timeIntervalSince1970: try row.checked("unread_since"))
      )
    }
  }

  /// Whether nothing could be read of the batch of these columns that ended last with something to read.
  package func isLastUnread(of targets: [Int64]) async throws -> Bool {
    try await read { db in
      let state = try String.fetchOne(
        db,
        sql: """
          SELECT state FROM provider_batch WHERE state IN ('fetched', 'unread') AND \(Ledger.isOf(targets))
          ORDER BY ended_at DESC, id DESC LIMIT 1
          """)
      return state == SubmittedBatch.State.unread.rawValue
    }
  }

  /// A line was answered: its receipt and its vectors, durable before anything else is done with them (P2). Returns how many
  /// rows it holds; nil where it had its answer already, and this one is left.
  ///
  /// The rows of inputs without a usable vector come again, one request after the other.
  package func received(
    _ reply: EmbeddingReply, to line: SubmittedLine, cost: Double?, spent: Double?, remembersTexts: Bool, at date: Date
  ) async throws -> Int? {
    let unusable = Set(reply.unusable.keys)
    return try await write { db in
      guard let all = try Ledger.openRows(of: line.id, db) else { return nil }
      let rows = all.filter { !unusable.contains($0.input) }
      let checksum = reply.vectors.withLittleEndian { vectors in
        SpoolChecksum(
          of: line.id, target: line.target, rows: rows, dimensions: reply.vectors.dimensions, vectors: vectors
        ).bytes
      }
      try db.cachedStatement(
        sql: "UPDATE batch SET state = 'received', contents = ? WHERE run_id = ? AND number = ?"
      ).execute(arguments: [BatchContents.encode(rows), line.id.run, line.id.number])
      try Ledger.enterReceipt(
        of: reply, to: line.id, inputs: line.inputs, counted: line.tokens.counted, cost: cost, spent: spent,
        fittedRows: line.fittedRows, at: date, db)
      try Ledger.spool(reply.vectors, of: line.id, checksum, db)
      try Ledger.enter(reply.servedModel, of: line.target, db)
      if remembersTexts { try Ledger.remember(rows, reply.vectors, of: line.target, db) }
      try Ledger.release(all, of: line, db)
      try Ledger.enterRefused(all.filter { unusable.contains($0.input) }, of: line, db)
      return Set(rows.map(\.key)).count
    }
  }

  /// A line brought no vectors; returns whether it had no answer before.
  package func ended(_ line: SubmittedLine, as end: LineEnd) async throws -> Bool {
    try await write { db in
      guard let rows = try Ledger.openRows(of: line.id, db) else { return false }
      try Ledger.end(line, rows, as: end, db)
      return true
    }
  }

  /// A batch is over: those of its lines that have no answer end as `rest`. Returns how many lines and rows those were.
  package func ended(
    _ batch: Int64, as state: SubmittedBatch.State, rest: LineEnd, reason: String?, at date: Date
  ) async throws -> (lines: Int, rows: Int) {
    let lines = try await lines(of: batch)
    return try await write { db in
      var ended = (lines: 0, rows: 0)
      for line in lines.values.sorted(by: { $0.id < $1.id }) {
        guard let rows = try Ledger.openRows(of: line.id, db) else { continue }
        try Ledger.end(line, rows, as: rest, db)
        ended.lines += 1
        ended.rows += Set(rows.map(\.key)).count
      }
      try db.execute(
        sql: "UPDATE provider_batch SET state = ?, reason = ?, ended_at = ? WHERE id = ?",
        arguments: [state.rawValue, reason, date.timeIntervalSince1970, batch])
      return ended
    }
  }

  /// The rows of a line without an answer; nil where it has one.
  private static func openRows(of line: BatchID, _ db: Database) throws -> [BatchRow]? {
    let row = try Row.fetchOne(
      db.cachedStatement(sql: "SELECT contents FROM batch WHERE run_id = ? AND number = ? AND state = 'submitted'"),
      arguments: [line.run, line.number])
    return try row.map { try BatchContents.decode($0.checked("contents")) }
  }

  private static func end(_ line: SubmittedLine, _ rows: [BatchRow], as end: LineEnd, _ db: Database) throws {
    let isLost = [.lost, .lostRefused].contains(end)
    try db.cachedStatement(
      sql: """
        UPDATE batch SET state = ?, possibly_paid = possibly_paid + ?, contents = NULL WHERE run_id = ? AND number = ?
        """
    ).execute(arguments: [isLost ? "lost" : "refused", isLost ? 1 : 0, line.id.run, line.id.number])
    try release(rows, of: line, db)
    if [.refused, .lostRefused].contains(end) { try enterRefused(rows, of: line, db) }
  }

  private static func release(_ rows: [BatchRow], of line: SubmittedLine, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "DELETE FROM under_way WHERE target_id = ? AND key = ? AND run_id = ? AND number = ?")
    for row in rows {
      try statement.execute(arguments: [line.target, json(row.key), line.id.run, line.id.number])
    }
  }

  private static func enterRefused(_ rows: [BatchRow], of line: SubmittedLine, _ db: Database) throws {
    let statement = try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO refused_row (target_id, key, digest) VALUES (?, ?, ?)")
    for row in rows { try statement.execute(arguments: [line.target, json(row.key), Data(row.digest.bytes)]) }
  }
}
