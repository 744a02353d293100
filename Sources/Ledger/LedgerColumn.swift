import Backfill
import Foundation
import GRDB

/// A column as a run fills it: which one it is, and what is known of its vectors.
package struct LedgerColumn: Sendable {
  package let source: Source
  package let identity: ColumnIdentity
  package let fingerprint: Fingerprint
  /// Whether its vectors are known to be of the fingerprint, or it has none.
  package let isProven: Bool

  package init(source: Source, identity: ColumnIdentity, fingerprint: Fingerprint, isProven: Bool) {
    self.source = source
    self.identity = identity
    self.fingerprint = fingerprint
    self.isProven = isProven
  }
}

extension Ledger {
  /// What the ledger says that a column's vectors are made of; nil where it says nothing, or has not seen it proven.
  ///
  /// - Parameter database: the database as its address spells it, by which earlier versions named columns.
  package func fingerprint(
    of identity: ColumnIdentity, _ source: Source, in database: String
  ) async throws -> Fingerprint? {
    try await read { db in
      guard let known = try Ledger.target(of: identity, source, in: database, db),
        try known.checked("is_proven", as: Bool.self)
      else { return nil }
      return try Ledger.fingerprint(known, source)
    }
  }

  /// The vectors of a column are known to be of its fingerprint.
  package func prove(_ target: Int64) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE target SET is_proven = 1 WHERE id = ?", arguments: [target])
    }
  }

  /// Enters a column that no run has filled yet, and whose vectors are known to be of its fingerprint.
  ///
  /// Throws a `Failure` as `begin` does.
  package func enter(_ column: LedgerColumn, in database: String) async throws {
    try await write { [path] db in
      var changes: [String] = []
      _ = try Ledger.bind(column, in: database, ledger: path, changes: &changes, db)
    }
  }

  /// Enters a column as this run fills it, and returns the ledger's id of it. What the ledger held of it by another
  /// fingerprint or another key goes; `changes` says so.
  ///
  /// Throws a `Failure` with `.configuration` where vectors are paid for and wait by another key.
  static func bind(
    _ column: LedgerColumn, in database: String, ledger: String, changes: inout [String], _ db: Database
  ) throws -> Int64 {
    let source = column.source
    guard let known = try target(of: column.identity, source, in: database, db) else {
      try db.execute(
        sql: """
          INSERT INTO target (identity, database, source, vector_column, fingerprint, is_proven, key, condition)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          column.identity.description, database, source.home.name, source.vector, json(column.fingerprint),
          column.isProven,
          source.key, source.condition,
        ])
      return db.lastInsertedRowID
    }
    let id: Int64 = try known.checked("id")
    let held = try fingerprint(known, source)
    let name = source.column
    if !held.admits(column.fingerprint) {
      let dropped = try dropSpool(of: id, db)
      let givenUp = try giveUpLines(of: id, db)
      try release(id, db)
      try forgetTexts(of: id, db)
      try db.execute(sql: "UPDATE target SET served_model = NULL WHERE id = ?", arguments: [id])
      // What was never proven was never filled.
      if try known.checked("is_proven", as: Bool.self) {
        let (were, are) = dropped == 1 ? ("was", "is") : ("were", "are")
        changes.append(
          "\(name) is filled anew with [\(column.fingerprint)] in place of [\(held)]"
            + (dropped > 0 ? "; \(dropped.of("vector")) that \(were) paid for and not written \(are) dropped" : "")
            + (givenUp > 0 ? "; the batches of \(givenUp.of("row")) that the provider has are given up" : ""))
      }
    } else if held != column.fingerprint {
      // A text that was found too long here, or by the provider in its own words, counts as refused.
      try release(id, causes: [.provider(.tooLarge), .provider(.badInput)], db)
      changes.append(
        "texts that are too long for the model are now made to fit: \(column.fingerprint.preparation.tooLong)")
    }
    let key: String? = try known.checkedOptional("key")
    if let key, key != source.key {
      let waiting = try spooledRows(of: id, db) + rowsUnderWay(of: id, db)
      guard waiting == 0 else {
        throw Failure(
          .configuration, name,
          "the ledger \(ledger) holds \(waiting.of("vector")) of it by the key (\(key)), and the job's is (\(source.key))",
          remedy: "run with the former key until it is complete, or drop them by `vecfill ledger forget \(name)`")
      }
      _ = try dropSpool(of: id, db)
      try release(id, db)
      try forgetTexts(of: id, db)
      changes.append("\(name) is read from its beginning: its key was (\(key)) and is (\(source.key))")
    }
    let condition: String? = try known.checkedOptional("condition")
    if key != nil, condition != source.condition {
      try db.execute(sql: "UPDATE target SET watermark = NULL WHERE id = ?", arguments: [id])
      changes.append("\(name) is read from its beginning: the job's `where` or `since` has changed")
    }
    try db.execute(
      sql: """
        UPDATE target SET identity = ?, database = ?, source = ?, vector_column = ?, fingerprint = ?, is_proven = ?,
          key = ?, condition = ? WHERE id = ?
        """,
      arguments: [
        column.identity.description, database, source.home.name, source.vector, json(column.fingerprint),
        column.isProven,
        source.key, source.condition, id,
      ])
    return id
  }

  /// Keeps the server's own name for the model that a column's vectors come from; the first one stays.
  static func enter(_ model: ServedModel?, of target: Int64, _ db: Database) throws {
    guard let model else { return }
    try db.cachedStatement(sql: "UPDATE target SET served_model = ? WHERE id = ? AND served_model IS NULL")
      .execute(arguments: [json(model), target])
  }

  /// The same, as it was kept; nil where no server has named it.
  static func servedModel(of target: Int64, _ db: Database) throws -> ServedModel? {
    guard let row = try Row.fetchOne(db, sql: "SELECT served_model FROM target WHERE id = ?", arguments: [target]),
      try row.checkedOptional("served_model", as: String.self) != nil
    else { return nil }
    return try row.decoded("served_model")
  }

  static func target(
    of identity: ColumnIdentity, _ source: Source, in database: String, _ db: Database
  ) throws -> Row? {
    try Row.fetchOne(db, sql: "SELECT * FROM target WHERE identity = ?", arguments: [identity.description])
      ?? Row.fetchOne(
        db,
        sql: """
          SELECT * FROM target WHERE identity IS NULL AND database = ? AND source = ? AND vector_column = ?
          """, arguments: [database, source.home.name, source.vector])
  }

  /// The fingerprint of a target; one of an earlier version has no text, and gets the source's.
  static func fingerprint(_ target: Row, _ source: Source) throws -> Fingerprint {
    let held = try target.decoded("fingerprint", as: Fingerprint.self)
    guard held.text == "" else { return held }
    return Fingerprint(
      model: held.model, dimensions: held.dimensions, text: source.text, preparation: held.preparation)
  }

  static func spooledRows(of target: Int64, _ db: Database) throws -> Int {
    let batches = try Data.fetchAll(
      db, sql: "SELECT contents FROM batch WHERE state = 'received' AND target_id = ?", arguments: [target])
    return try batches.reduce(0) { try $0 + BatchContents.decode($1).count }
  }

  /// Drops the vectors that were paid for and aren't written, and returns of how many rows they were.
  static func dropSpool(of target: Int64, _ db: Database) throws -> Int {
    let rows = try spooledRows(of: target, db)
    try db.execute(
      sql: """
        DELETE FROM spool WHERE (run_id, number) IN (
          SELECT run_id, number FROM spool JOIN batch USING (run_id, number) WHERE target_id = ?)
        """, arguments: [target])
    try db.execute(
      sql: """
        UPDATE batch SET state = 'settled', contents = NULL
        WHERE state IN ('received', 'settled') AND contents IS NOT NULL AND target_id = ?
        """, arguments: [target])
    return rows
  }

  /// Forgets how far a column was read, and its rows in quarantine.
  static func release(_ target: Int64, _ db: Database) throws {
    try db.execute(sql: "UPDATE target SET watermark = NULL WHERE id = ?", arguments: [target])
    try db.execute(sql: "DELETE FROM quarantine WHERE target_id = ?", arguments: [target])
  }

  /// Takes the rows out of quarantine that are there for one of `causes`, so that they are read again.
  private static func release(_ target: Int64, causes: [Condemnation.Cause], _ db: Database) throws {
    try db.execute(sql: "UPDATE target SET watermark = NULL WHERE id = ?", arguments: [target])
    for cause in causes {
      try db.execute(
        sql: "DELETE FROM quarantine WHERE target_id = ? AND class = ?", arguments: [target, cause.description])
    }
  }
}
