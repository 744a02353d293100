import Backfill
import Foundation
import GRDB

/// Rows that wait for a batch of the provider's.
extension Ledger {
  /// Which of the rows wait for a line with the text that they have.
  ///
  /// - Parameter rows: the digests of their texts.
  package func underWay(_ rows: [RowKey: TextDigest], of target: Int64) async throws -> Set<RowKey> {
    try await rowsLike(rows, in: "under_way", of: target)
  }

  /// Which of the rows were in a line that was refused, with the text that they have.
  package func refused(_ rows: [RowKey: TextDigest], of target: Int64) async throws -> Set<RowKey> {
    try await rowsLike(rows, in: "refused_row", of: target)
  }

  private func rowsLike(_ rows: [RowKey: TextDigest], in table: String, of target: Int64) async throws -> Set<RowKey> {
    try await read { db in
      guard try Ledger.hasRows(in: table, of: target, db) else { return [] }
      let found = try Row.fetchCursor(
        db,
        sql: "SELECT key, digest FROM \(table) WHERE target_id = ? AND key IN (SELECT value FROM json_each(?))",
        arguments: [target, Ledger.json(try rows.keys.map { try Ledger.json($0) })])
      var keys: Set<RowKey> = []
      while let row = try found.next() {
        let (key, digest): (RowKey, Data) = (try row.decoded("key"), try row.checked("digest"))
        if let own = rows[key], Data(own.bytes) == digest { keys.insert(key) }
      }
      return keys
    }
  }

  /// Whether `table` has a row of the column.
  static func hasRows(in table: String, of target: Int64, _ db: Database) throws -> Bool {
    try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM \(table) WHERE target_id = ?)", arguments: [target])
      == true
  }

  /// Those of `texts` that a row under way has.
  package func textsUnderWay(_ texts: Set<TextDigest>, of target: Int64) async throws -> Set<TextDigest> {
    try await read { db in
      let statement = try db.cachedStatement(
        sql: "SELECT EXISTS (SELECT 1 FROM under_way WHERE target_id = ? AND digest = ?)")
      return try texts.filter { try Bool.fetchOne(statement, arguments: [target, Data($0.bytes)]) == true }
    }
  }

  /// How many rows of the columns wait for a batch.
  package func rowsUnderWay(of targets: [Int64]) async throws -> Int {
    try await read { db in try targets.reduce(0) { try $0 + Ledger.rowsUnderWay(of: $1, db) } }
  }

  static func rowsUnderWay(of target: Int64, _ db: Database) throws -> Int {
    try Int.fetchOne(
      db, sql: "SELECT COUNT(DISTINCT key) FROM under_way WHERE target_id = ?", arguments: [target]) ?? 0
  }

  /// The rows whose vectors are in the spool, with the digests of the texts that were embedded: they are written before
  /// they are asked for again.
  package func spooledRows(of target: Int64) async throws -> [RowKey: TextDigest] {
    try await read { db in try Ledger.spooledTexts(of: target, db) }
  }

  static func spooledTexts(of target: Int64, _ db: Database) throws -> [RowKey: TextDigest] {
    var rows: [RowKey: TextDigest] = [:]
    let batches = try Data.fetchCursor(
      db,
      sql: """
        SELECT contents FROM spool JOIN batch USING (run_id, number)
        WHERE state IN ('received', 'settled') AND target_id = ? ORDER BY run_id, number
        """, arguments: [target])
    while let batch = try batches.next() {
      for row in try BatchContents.decode(batch) where row.piece == nil { rows[row.key] = row.digest }
    }
    return rows
  }

  /// Up to where the column was submitted.
  package func submittedThrough(_ target: Int64) async throws -> SubmittedPlace {
    try await read { db in
      // A hint: without it the column is read from its beginning.
      let row = try Row.fetchOne(
        db, sql: "SELECT place FROM submitted_through WHERE target_id = ?", arguments: [target])
      return row.flatMap { try? $0.decoded("place", as: SubmittedPlace.self) } ?? SubmittedPlace()
    }
  }

  /// What waits for batches of another model is worth nothing for the column any more: it counts as paid and lost. Returns
  /// of how many rows that was.
  static func giveUpLines(of target: Int64, _ db: Database) throws -> Int {
    let rows = try rowsUnderWay(of: target, db)
    try db.execute(
      sql: """
        UPDATE batch SET state = 'lost', possibly_paid = possibly_paid + 1, contents = NULL
        WHERE state = 'submitted' AND target_id = ?
        """, arguments: [target])
    for table in ["under_way", "refused_row", "submitted_through"] {
      try db.execute(sql: "DELETE FROM \(table) WHERE target_id = ?", arguments: [target])
    }
    return rows
  }

  /// The columns of a run are complete: no row of them has to be looked at alone any more.
  static func forgetRefusedRows(of run: Int64, _ db: Database) throws {
    try db.execute(
      sql: """
        DELETE FROM refused_row
        WHERE target_id IN (SELECT value FROM run, json_each(run.targets) WHERE run.id = ?)
        """, arguments: [run])
  }
}
