import Backfill
import Foundation
import GRDB

/// What runs of a column's shards have left here. A shard is a column of its own to the ledger, and nothing that was paid
/// for may depend on that: a plan may be replaced or ended, and the column be filled as a whole.
extension Ledger {
  /// The parts of a column that shards have filled, of whatever plan; none for a part.
  static func parts(of column: ColumnIdentity, _ db: Database) throws -> [(identity: ColumnIdentity, target: Row)] {
    try Row.fetchAll(
      db, sql: "SELECT * FROM target WHERE substr(identity, 1, length(?1)) = ?1 ORDER BY id",
      arguments: ["\(column) shard "]
    ).compactMap { target in
      let name: String = try target.checked("identity")
      let part = ColumnIdentity(
        database: column.database, column: String(name.dropFirst(column.database.count + 1)))
      return part.whole == column && part.isPart ? (part, target) : nil
    }
  }

  /// A run of the whole column takes over what its shards' runs have left: while it has the column's claim, none of them is
  /// at work.
  ///
  /// Throws a `Failure` as `bind` does.
  static func takeParts(
    of column: LedgerColumn, as target: Int64, in database: String, ledger: String, changes: inout [String],
    _ db: Database
  ) throws {
    for (identity, known) in try parts(of: column.identity, db) {
      let part: Int64 = try known.checked("id")
      let isEmpty = try Bool.fetchOne(
        db, sql: "SELECT NOT EXISTS (SELECT 1 FROM batch WHERE target_id = ? AND contents IS NOT NULL)",
        arguments: [part])
      if isEmpty == true { continue }
      let own = LedgerColumn(
        source: column.source, identity: identity, fingerprint: column.fingerprint, isProven: column.isProven)
      _ = try bind(own, in: database, ledger: ledger, changes: &changes, db)
      try move(part, to: target, db)
    }
  }

  /// A shard takes over nothing of the whole column, nor of another plan: the rows may be other shards', which are at work
  /// beside it. It would pay for its own among them again.
  ///
  /// Throws a `Failure` with `.configuration` where any wait; never for a run of a whole column.
  static func refuseUnwritten(besides column: LedgerColumn, ledger: String, _ db: Database) throws {
    let (own, whole) = (column.identity, column.identity.whole)
    guard own.isPart else { return }
    var others = try parts(of: whole, db).filter { !$0.identity.isOfOnePlan(with: own) }.map(\.target)
    others += try Row.fetchAll(db, sql: "SELECT * FROM target WHERE identity = ?", arguments: [whole.description])
    let rows = try others.reduce(0) { try $0 + unwrittenRows(of: $1.checked("id"), db) }
    guard rows == 0 else { throw Failure.unwritten(rows, of: column.source.column, in: "the ledger \(ledger)") }
  }

  /// The column is filled, each row by now with a vector, blank or in quarantine of the whole: what its shards' runs had put
  /// there is over.
  package func releaseParts(of columns: [ColumnIdentity]) async throws {
    try await write { db in
      for part in try columns.flatMap({ try Ledger.parts(of: $0, db) }) {
        try db.execute(
          sql: "DELETE FROM quarantine WHERE target_id = ?", arguments: [try part.target.checked("id", as: Int64.self)])
      }
    }
  }

  /// Makes the batches of `part` that still hold rows those of `target`, and what waits for them.
  private static func move(_ part: Int64, to target: Int64, _ db: Database) throws {
    let spooled = try Row.fetchAll(
      db, sql: "SELECT run_id, number FROM spool JOIN batch USING (run_id, number) WHERE target_id = ?",
      arguments: [part])
    for row in spooled {
      let id = BatchID(run: try row.checked("run_id"), number: try row.checked("number"))
      try retag(id, from: part, to: target, db)
    }
    try db.execute(
      sql: "UPDATE batch SET target_id = ? WHERE target_id = ? AND contents IS NOT NULL", arguments: [target, part])
    for table in ["under_way", "refused_row"] {
      try db.execute(
        sql: "UPDATE OR REPLACE \(table) SET target_id = ? WHERE target_id = ?", arguments: [target, part])
    }
  }

  /// Gives a batch the checksum that it has as one of `target`, if what it has is right: damage is found later.
  private static func retag(_ id: BatchID, from part: Int64, to target: Int64, _ db: Database) throws {
    let row = try Row.fetchOne(
      db,
      sql: """
        SELECT contents, dimensions, vectors, checksum FROM spool JOIN batch USING (run_id, number)
        WHERE run_id = ? AND number = ? AND checksum IS NOT NULL
        """, arguments: [id.run, id.number])
    guard let row else { return }
    let (dimensions, block, stored): (Int, Data, Data) = (
      try row.checked("dimensions"), try row.checked("vectors"), try row.checked("checksum")
    )
    guard let rows = try? BatchContents.decode(row.checked("contents")) else { return }
    let checksum = block.withUnsafeBytes { block -> Data? in
      func checksum(of target: Int64) -> SpoolChecksum {
        SpoolChecksum(of: id, target: target, rows: rows, dimensions: dimensions, vectors: block)
      }
      return checksum(of: part).isEqual(to: stored) ? checksum(of: target).bytes : nil
    }
    guard let checksum else { return }
    try db.execute(
      sql: "UPDATE spool SET checksum = ? WHERE run_id = ? AND number = ?", arguments: [checksum, id.run, id.number])
  }
}
