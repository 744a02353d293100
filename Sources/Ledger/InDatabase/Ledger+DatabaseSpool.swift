import Backfill
import Foundation
import GRDB

/// With `spool: database`, the ledger takes over what the database holds and it does not, as on a new machine.
extension Ledger {
  /// Begins a run as `begin(_:on:columns:at:)` does, with what `spool` holds of the columns as well; nil where there is no
  /// such spool.
  ///
  /// Throws as that does, and a `Failure` with `.configuration` where what the database holds is a newer version's or by
  /// another key.
  package func begin(
    _ job: Job, on database: String, columns: [LedgerColumn], spool: (any DatabaseSpool)?, at date: Date
  ) async throws -> BegunRun {
    guard let spool else { return try await begin(job, on: database, columns: columns, at: date) }
    let heads = try await spool.heads()
    let runs = Dictionary(heads.map { ($0.id.run, $0.receivedAt) }, uniquingKeysWith: min)
    var begun = try await begin(job, on: database, columns: columns, restoring: runs, at: date)
    do {
      let replies = DatabaseReplies(spool, run: UUID(), columns: columns)
      try await name(begun.id, replies.run)
      try await recover(heads, spool, replies, columns, &begun, remembersTexts: job.duplicates == .table)
      begun.replies = replies
      return begun
    } catch let failure as Failure {
      try await end(begun.id, .failed(failure), Tally(), at: date)
      throw failure
    }
  }

  /// Takes over the entries, one after the other, and drops those that are of no use.
  private func recover(
    _ heads: [SpoolEntry.Head], _ spool: any DatabaseSpool, _ replies: DatabaseReplies, _ columns: [LedgerColumn],
    _ begun: inout BegunRun, remembersTexts: Bool
  ) async throws {
    var dropped: [SpoolEntry.ID] = []
    var refused: [Int: [SpoolEntry.Refusal: Int]] = [:]
    for head in heads {
      guard let source = columns.firstIndex(where: { $0.identity == head.id.column }),
        let known = try await batch(of: head.id)
      else { continue }
      // What is settled here is written once more: the database may have lost its last transactions, or only the removal.
      if known.state != "received" {
        guard let entry = try await spool.entry(head.id) else { continue }
        switch try entry.opened(for: columns[source]) {
        case .success(let opened):
          try await restore(
            entry, opened, as: known.id, target: begun.targets[source], remembersTexts: remembersTexts)
          begun.spooled.append(Conductor.Spooled(id: known.id, source: source, rows: head.rows))
          if known.state == "lost" { begun.possiblyPaid = max(0, begun.possiblyPaid - 1) }
        case .failure(let refusal):
          refused[source, default: [:]][refusal.why, default: 0] += head.rows
          dropped.append(head.id)
          continue
        }
      }
      replies.add(known.id, head.id)
    }
    begun.spooled.sort { $0.id < $1.id }
    begun.spent = try await spent(byJobOf: begun.id)
    for (source, all) in refused.sorted(by: { $0.key < $1.key }) {
      begun.changes += all.map { columns[source].notice(of: $0.key, rows: $0.value) }.sorted()
    }
    try await spool.remove(dropped)
  }

  /// Enters the name by which the database knows a run.
  private func name(_ run: Int64, _ name: UUID) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE run SET spool_name = ? WHERE id = ?", arguments: [name.uuidString, run])
    }
  }

  /// The batch of an entry, and its state; nil where its run is not known, and the state nil where it is no more than that.
  private func batch(of id: SpoolEntry.ID) async throws -> (id: BatchID, state: String?)? {
    try await read { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT run.id, batch.state FROM run LEFT JOIN batch ON batch.run_id = run.id AND batch.number = ?
          WHERE spool_name = ?
          """, arguments: [id.number, id.run.uuidString]
      ).map { row in
        (BatchID(run: try row.checked("id"), number: id.number), try row.checkedOptional("state"))
      }
    }
  }

  /// Enters a batch as received, as it was before its ledger was lost, or the process died before it was entered. What it
  /// has cost is counted once.
  private func restore(
    _ entry: SpoolEntry, _ opened: SpoolEntry.Opened, as id: BatchID, target: Int64, remembersTexts: Bool
  ) async throws {
    let (receipt, vectors, rows) = (opened.receipt, entry.vectors, opened.rows)
    let checksum = vectors.withLittleEndian { block in
      SpoolChecksum(of: id, target: target, rows: rows, dimensions: vectors.dimensions, vectors: block).bytes
    }
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO batch (run_id, number, target_id, state, inputs, tokens, contents)
          VALUES (?, ?, ?, 'received', ?, ?, ?)
          ON CONFLICT (run_id, number) DO UPDATE SET state = 'received', contents = excluded.contents,
            target_id = excluded.target_id, possibly_paid = max(0, possibly_paid - (state = 'lost'))
          """, arguments: [id.run, id.number, target, receipt.inputs, receipt.tokens, entry.contents])
      let isPaid = try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM receipt WHERE run_id = ? AND number = ?)",
        arguments: [id.run, id.number])
      if isPaid != true {
        try Ledger.enterReceipt(
          of: receipt.reply(vectors), to: id, inputs: receipt.inputs, counted: receipt.tokens, cost: receipt.cost,
          spent: receipt.spent, fittedRows: receipt.fittedRows, at: receipt.receivedAt, db)
        if remembersTexts { try Ledger.remember(rows, vectors, of: target, db) }
      }
      try db.execute(sql: "DELETE FROM spool WHERE run_id = ? AND number = ?", arguments: [id.run, id.number])
      try Ledger.spool(vectors, of: id, checksum, db)
    }
  }

  /// Enters runs that this ledger doesn't know, by their names and when each had its first reply, as runs of the job that
  /// have died.
  static func restore(_ runs: [UUID: Date], of job: Job, on database: String, targets: [Int64], _ db: Database) throws {
    for (name, began) in runs.sorted(by: { $0.value < $1.value }) {
      try db.execute(
        sql: """
          INSERT INTO run (job, database, fingerprint, sources, targets, model, started_at, state, reason, tally, spool_name)
          SELECT ?, ?, ?, ?, ?, ?, ?, 'failed', 'its ledger is another or was lost', ?, ?
          WHERE NOT EXISTS (SELECT 1 FROM run WHERE spool_name = ?)
          """,
        arguments: [
          job.name, database, json(job.sources.first.map(job.fingerprint)), columns(of: job), json(targets),
          job.model.name, began.timeIntervalSince1970, json(Tally()), name.uuidString, name.uuidString,
        ])
    }
  }
}

extension LedgerColumn {
  fileprivate func notice(of refusal: SpoolEntry.Refusal, rows: Int) -> String {
    switch refusal {
    case .damaged:
      "the database's spool held vectors of \(rows.of("row")) of \(source.column) that are damaged: they are dropped, and paid again"
    case .foreign(let other):
      "the database's spool held vectors of \(rows.of("row")) of \(source.column) made with [\(other.differing(from: fingerprint))]: "
        + "they are dropped, as the job's are [\(fingerprint.differing(from: other))]"
    }
  }
}
