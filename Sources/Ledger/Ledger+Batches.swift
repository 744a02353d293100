import Backfill
import Foundation
import GRDB

extension Ledger {
  /// A request of `batch` is about to be sent. Until it is received or has failed it counts as possibly paid.
  package func requested(
    _ batch: Batch, target: Int64, reservation: Double?, at date: Date = Date()
  ) async throws {
    let contents = try BatchContents.encode(batch.contents.rows)
    try await write { db in
      try db.cachedStatement(
        sql: """
          INSERT INTO batch (run_id, number, target_id, state, inputs, tokens, reservation, contents)
          VALUES (?, ?, ?, 'requested', ?, ?, ?, ?)
          ON CONFLICT (run_id, number) DO UPDATE SET state = 'requested', contents = excluded.contents
          """
      ).execute(arguments: [
        batch.id.run, batch.id.number, target, batch.contents.texts.count, batch.contents.tokenCount, reservation,
        contents,
      ])
      try Ledger.enterSent(by: batch.id.run, tokens: batch.contents.tokenCount, at: date, db)
    }
  }

  /// A reply came: its receipt and its vectors, durable before anything else is done with them (P2).
  ///
  /// - Parameters:
  ///   - rows: those of the batch's rows that got a usable vector; nil for all. The others are asked for again.
  ///   - spent: what a budget counts for it; nil for `cost`.
  ///   - remembersTexts: whether the texts are entered, to be found again where another row has one of them.
  package func received(
    _ reply: EmbeddingReply, to batch: Batch, target: Int64, rows: [BatchRow]? = nil, cost: Double?,
    spent: Double? = nil, remembersTexts: Bool = false, at date: Date
  ) async throws {
    let left = try rows.map { try BatchContents.encode($0) }
    let checksum = reply.vectors.withLittleEndian { vectors in
      SpoolChecksum(
        of: batch.id, target: target, rows: rows ?? batch.contents.rows, dimensions: reply.vectors.dimensions,
        vectors: vectors
      ).bytes
    }
    try await write { db in
      try db.cachedStatement(
        sql: """
          UPDATE batch SET state = 'received', contents = COALESCE(?, contents) WHERE run_id = ? AND number = ?
          """
      ).execute(arguments: [left, batch.id.run, batch.id.number])
      try Ledger.enterReceipt(
        of: reply, to: batch.id, inputs: batch.contents.texts.count, counted: batch.contents.tokenCount, cost: cost,
        spent: spent, fittedRows: batch.contents.fittedRows, at: date, db)
      try Ledger.spool(reply.vectors, of: batch.id, checksum, db)
      try Ledger.enter(reply.servedModel, of: target, db)
      if remembersTexts { try Ledger.remember(rows ?? batch.contents.rows, reply.vectors, of: target, db) }
      try Ledger.enterTold(reply.rateLimits, to: batch.id.run, at: date, db)
    }
  }

  /// - Parameters:
  ///   - counted: the tokens that were counted here, for a reply that reports none.
  ///   - spent: what a budget counts; nil for `cost`.
  static func enterReceipt(
    of reply: EmbeddingReply, to id: BatchID, inputs: Int, counted: Int, cost: Double?, spent: Double?, fittedRows: Int,
    at date: Date, _ db: Database
  ) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO receipt
          (run_id, number, request_id, inputs, billed_tokens, is_counted_here, cost, spent, received_at, fitted_rows,
            is_placed_by_order)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      id.run, id.number, reply.requestID, inputs, reply.billedTokens ?? counted, reply.billedTokens == nil, cost,
      spent ?? cost, date.timeIntervalSince1970, fittedRows, reply.isPlacedByOrder,
    ])
  }

  /// A request brought no vectors. What it was to bring is not kept: it is sent again as a whole or in parts.
  package func failed(_ batch: Batch, _ failure: EmbeddingFailure, at date: Date = Date()) async throws {
    try await write { db in
      try db.cachedStatement(
        sql: """
          UPDATE batch SET state = ?, possibly_paid = possibly_paid + ?, contents = NULL
          WHERE run_id = ? AND number = ?
          """
      ).execute(arguments: [
        failure.mayHaveBeenBilled ? "lost" : "refused", failure.mayHaveBeenBilled ? 1 : 0, batch.id.run,
        batch.id.number,
      ])
      try Ledger.enterTold(failure.rateLimits, to: batch.id.run, at: date, db)
    }
  }

  /// The rows and vectors of a batch that is in the spool. One whose rows were written before may be gone: it has none.
  ///
  /// Throws a `Failure` with `.localIO` where they are not the very ones that were stored.
  package func spooled(_ id: BatchID) async throws -> SpooledBatch {
    try await read { db in
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT batch.target_id, batch.contents, spool.dimensions, spool.vectors, spool.checksum
          FROM spool JOIN batch USING (run_id, number) WHERE run_id = ? AND number = ?
          """, arguments: [id.run, id.number])
      guard let row else {
        let state = try String.fetchOne(
          db, sql: "SELECT state FROM batch WHERE run_id = ? AND number = ?", arguments: [id.run, id.number])
        let isGone = try state == nil && Ledger.isPruned(id.run, db)
        guard state == "settled" || isGone else {
          throw LedgerDamage(place: "the spool of batch \(id.run)/\(id.number)")
        }
        return SpooledBatch(rows: [], vectors: Vectors(dimensions: 1))
      }
      let rows = try BatchContents.decode(row.checked("contents"))
      let (dimensions, block): (Int, Data) = (try row.checked("dimensions"), try row.checked("vectors"))
      guard let vectors = Vectors(littleEndian: block, dimensions: dimensions),
        rows.allSatisfy({ (0..<vectors.count).contains($0.input) })
      else { throw LedgerDamage(place: "spool.vectors") }
      // Batches of a version before the checksum have none.
      let stored: Data? = try row.checkedOptional("checksum")
      let target: Int64 = try row.checked("target_id")
      let isIntact = block.withUnsafeBytes { block in
        let checksum = SpoolChecksum(of: id, target: target, rows: rows, dimensions: dimensions, vectors: block)
        return stored.map(checksum.isEqual(to:)) ?? true
      }
      guard isIntact else { throw LedgerDamage(place: "spool.checksum") }
      return SpooledBatch(rows: rows, vectors: vectors)
    }
  }

  /// Enters what has ended, all at once: the batches are settled, rows go into quarantine, where they are left out
  /// until their text changes (P7), and the watermarks move.
  ///
  /// - Parameter targets: for each source of the job the ledger's id of its column.
  package func settle(_ settlement: Settlement, run: Int64, targets: [Int64], at date: Date) async throws {
    try await write { [self] db in
      for id in settlement.batches { try Ledger.releaseEdited(of: id, db) }
      for row in settlement.condemned {
        try db.cachedStatement(
          sql: """
            INSERT INTO quarantine (target_id, key, digest, class, reason, run_id, condemned_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (target_id, key) DO UPDATE SET digest = excluded.digest, class = excluded.class,
              reason = excluded.reason, run_id = excluded.run_id, condemned_at = excluded.condemned_at
            """
        ).execute(arguments: [
          targets[row.source], Ledger.json(row.key), Data(row.digest.bytes), row.condemnation.cause.description,
          row.condemnation.reason, run, date.timeIntervalSince1970,
        ])
      }
      for id in settlement.batches {
        try Ledger.settle(id, db)
      }
      if !settlement.batches.isEmpty { try dropOldVectors(after: settlement.batches, db) }
      for moved in settlement.watermarks {
        try db.execute(
          sql: "UPDATE target SET watermark = ? WHERE id = ?",
          arguments: [Ledger.json(moved.key), targets[moved.source]])
      }
      try Ledger.update(settlement.tally, of: run, db)
    }
  }

  /// Which of `keys` are in quarantine, with the digest of the text that they had then.
  package func condemned(_ keys: [RowKey], target: Int64) async throws -> [RowKey: TextDigest] {
    try await read { db in
      try Ledger.isAnyCondemned(target, db) ? Ledger.condemned(keys, target, db) : [:]
    }
  }

  static func spool(_ vectors: Vectors, of id: BatchID, _ checksum: Data, _ db: Database) throws {
    try vectors.withLittleEndian { bytes in
      // SQLite reads the vectors where they are, so that no reply is there twice. The statement, which knows their place,
      // goes with this scope.
      let block = bytes.baseAddress.map {
        Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: $0), count: bytes.count, deallocator: .none)
      }
      try db.makeStatement(
        sql: "INSERT INTO spool (run_id, number, dimensions, vectors, checksum) VALUES (?, ?, ?, ?, ?)"
      ).execute(arguments: [id.run, id.number, vectors.dimensions, block ?? Data(), checksum])
    }
  }

  private static func settle(_ id: BatchID, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        UPDATE batch SET contents = CASE state WHEN 'received' THEN contents END,
          state = CASE state WHEN 'received' THEN 'settled' ELSE state END
        WHERE run_id = ? AND number = ? AND state <> 'settled'
        """
    ).execute(arguments: [id.run, id.number])
  }

  private static func update(_ tally: Tally, of run: Int64, _ db: Database) throws {
    try db.cachedStatement(sql: "UPDATE run SET tally = ? WHERE id = ?")
      .execute(arguments: [json(tally), run])
  }
}

extension Vectors {
  /// Calls `body` with the block as little-endian float32 values: its own bytes on every platform that vecfill is built
  /// for.
  func withLittleEndian<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    try values.withUnsafeBytes(body)
  }
}

/// The rows of a batch and the vectors of its inputs, as they lie in the spool.
package struct SpooledBatch: Sendable {
  package let rows: [BatchRow]
  package let vectors: Vectors

  package init(rows: [BatchRow], vectors: Vectors) {
    self.rows = rows
    self.vectors = vectors
  }
}
