import Backfill
import Foundation
import GRDB

extension Ledger {
  /// A row that is left out until its text changes or it is retried (P7).
  package struct QuarantinedRow: Sendable, Equatable, Codable {
    package let database: String
    package let source: String
    package let column: String
    package let key: String
    /// The kind of the failure, e.g. "badInput".
    package let failure: String
    package let reason: String
    package let run: Int64
    package let condemnedAt: Date

    init(row: Row) throws {
      database = try row.checked("database")
      source = try row.checked("source")
      column = try row.checked("vector_column")
      key = try row.decoded("key", as: RowKey.self).description
      failure = try row.checked("class")
      reason = try row.checked("reason")
      run = try row.checked("run_id")
      condemnedAt = Date(timeIntervalSince1970: try row.checked("condemned_at"))
    }
  }

  /// Whether ?1 is NULL or names the target's table, with or without its schema.
  private static let isNamed =
    "(?1 IS NULL OR source = ?1 OR source LIKE '%.' || ?1 OR (instr(source, '.') = 0 AND ?1 LIKE '%.' || source))"

  /// The tables that the ledger knows; those alone that `source` names where it is given.
  package func tables(named source: String? = nil) async throws -> [String] {
    try await read { db in
      try String.fetchAll(
        db, sql: "SELECT DISTINCT source FROM target WHERE \(Ledger.isNamed) ORDER BY source", arguments: [source])
    }
  }

  /// The rows in quarantine, by column and key; those of `source` alone where it is given. What runs of a shard and of the
  /// whole column have put there is one row, as the last of them found it.
  package func quarantined(in source: String?) async throws -> [QuarantinedRow] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM (
            SELECT target_id, database, source, vector_column, quarantine.key AS key, class, reason, run_id, condemned_at,
              ROW_NUMBER() OVER (PARTITION BY database, source, vector_column, quarantine.key
                ORDER BY condemned_at DESC, target_id) AS entry
            FROM quarantine JOIN target ON target.id = target_id WHERE \(Ledger.isNamed))
          WHERE entry = 1 ORDER BY target_id, key
          """, arguments: [source]
      ).map(QuarantinedRow.init(row:))
    }
  }

  /// Takes rows out of quarantine, so that the next run embeds them again, and returns how many there were: those of
  /// `source` with one of `keys`, and all of them where neither is given.
  package func release(source: String?, keys: [String]) async throws -> Int {
    // Byte by byte: to a String two keys are equal that the database tells apart.
    let keys = Set(keys.map { Array($0.utf8) })
    return try await write { db in
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT target_id, database, source, vector_column, quarantine.key AS key
          FROM quarantine JOIN target ON target.id = target_id WHERE \(Ledger.isNamed)
          """, arguments: [source])
      var released: Set<[String]> = []
      for row in rows {
        let text: String = try row.checked("key")
        let key = try row.decoded("key", as: RowKey.self)
        guard keys.isEmpty || keys.contains(Array(key.description.utf8)) else { continue }
        try db.execute(
          sql: "DELETE FROM quarantine WHERE target_id = ? AND key = ?",
          arguments: [try row.checked("target_id", as: Int64.self), text])
        released.insert(try ["database", "source", "vector_column"].map { try row.checked($0) } + [text])
      }
      return released.count
    }
  }

  /// Takes rows of a column out of quarantine: all but `met`.
  ///
  /// - Parameter job: only those that a run of this job has put there; nil for all.
  package func releaseUnmet(_ met: Set<RowKey>, of target: Int64, job: String?) async throws {
    guard try await read({ db in try Ledger.isAnyCondemned(target, db) }) else { return }
    try await write { db in
      try db.execute(
        sql: """
          DELETE FROM quarantine WHERE target_id = ?1 AND key NOT IN (SELECT value FROM json_each(?2))
            AND (?3 IS NULL OR run_id IN (SELECT id FROM run WHERE job = ?3))
          """, arguments: [target, Ledger.json(try met.map { try Ledger.json($0) }), job])
    }
  }

  /// Takes the rows of a batch out of quarantine that are there for another text than the batch has of them.
  static func releaseEdited(of id: BatchID, _ db: Database) throws {
    let batch = try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT target_id, contents FROM batch WHERE run_id = ? AND number = ? AND contents IS NOT NULL
            AND EXISTS (SELECT 1 FROM quarantine WHERE quarantine.target_id = batch.target_id)
          """), arguments: [id.run, id.number])
    guard let batch else { return }
    let target: Int64 = try batch.checked("target_id")
    let sent = try Dictionary(
      BatchContents.decode(batch.checked("contents")).map { ($0.key, $0.digest) },
      uniquingKeysWith: { first, _ in first })
    for (key, digest) in try condemned(Array(sent.keys), target, db) where digest != sent[key] {
      try db.execute(
        sql: "DELETE FROM quarantine WHERE target_id = ? AND key = ?", arguments: [target, json(key)])
    }
  }

  static func isAnyCondemned(_ target: Int64, _ db: Database) throws -> Bool {
    try Bool.fetchOne(
      db, sql: "SELECT EXISTS (SELECT 1 FROM quarantine WHERE target_id = ?)", arguments: [target]) == true
  }

  /// Which of `keys` are in quarantine, with the digest of the text that they had then.
  static func condemned(_ keys: [RowKey], _ target: Int64, _ db: Database) throws -> [RowKey: TextDigest] {
    let rows = try Row.fetchAll(
      db, sql: "SELECT key, digest FROM quarantine WHERE target_id = ? AND key IN (SELECT value FROM json_each(?))",
      arguments: [target, json(try keys.map { try json($0) })])
    return try Dictionary(
      rows.map { row in
        let digest: Data = try row.checked("digest")
        guard let digest = TextDigest(bytes: digest) else { throw LedgerDamage(place: "quarantine.digest") }
        return (try row.decoded("key", as: RowKey.self), digest)
      }, uniquingKeysWith: { first, _ in first })
  }
}
