import Backfill
import Foundation
import GRDB

/// The texts that were paid for with `duplicates: table`, in the order in which their vectors came, each with a row that
/// got it. Only added to, so that each reply costs a page of the file at most; `KnownTexts` finds an entry by its text.
///
/// They are hints: whether a row still holds the text and that very vector is asked of the database before it is copied.
extension Ledger {
  /// Enters the texts of rows that get the vectors of a reply, each once.
  static func remember(_ rows: [BatchRow], _ vectors: Vectors, of target: Int64, _ db: Database) throws {
    var seen: Set<TextDigest> = []
    let statement = try db.cachedStatement(
      sql: "INSERT INTO known_text (target_id, digest, key, vector_tag) VALUES (?, ?, ?, ?)")
    for row in rows where seen.insert(row.digest).inserted {
      try statement.execute(arguments: [
        target, Data(row.digest.bytes), json(row.key), Data(VectorTag(of: vectors[row.input]).bytes),
      ])
    }
  }

  /// Forgets the texts of a column.
  static func forgetTexts(of target: Int64, _ db: Database) throws {
    try db.execute(sql: "DELETE FROM known_text WHERE target_id = ?", arguments: [target])
  }

  /// The entries of a column behind the entry `after`, at most so many, in their order.
  func texts(of target: Int64, after: Int64, limit: Int) async throws -> [(entry: Int64, digest: Data)] {
    try await read { db in
      let texts: [(entry: Int64, digest: Data)] = try Row.fetchAll(
        db, sql: "SELECT id, digest FROM known_text WHERE id > ? AND target_id = ? ORDER BY id LIMIT ?",
        arguments: [after, target, limit]
      ).map { (try $0.checked("id"), try $0.checked("digest")) }
      // In the order of a damaged file this would never end.
      if let last = texts.last, last.entry <= after { throw LedgerDamage(place: "known_text") }
      return texts
    }
  }

  /// The entries of those numbers, the oldest first.
  func texts(_ entries: [Int64]) async throws -> [KnownText] {
    guard !entries.isEmpty else { return [] }
    return try await read { db in
      try Row.fetchAll(
        db,
        sql: "SELECT digest, key, vector_tag FROM known_text WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        arguments: [Ledger.json(entries)]
      ).map { row in
        let (digest, tag): (Data, Data) = (try row.checked("digest"), try row.checked("vector_tag"))
        guard let digest = TextDigest(bytes: digest) else { throw LedgerDamage(place: "known_text.digest") }
        return KnownText(digest: digest, key: try row.decoded("key"), tag: VectorTag(bytes: Array(tag)))
      }
    }
  }

  /// Rows get vectors that other rows of their column have: enters these as received, by a receipt of no input and no
  /// token, durable before any is written.
  package func copied(
    _ rows: [BatchRow], _ vectors: Vectors, as id: BatchID, target: Int64, cost: Double?, at date: Date
  ) async throws {
    let contents = try BatchContents.encode(rows)
    let checksum = vectors.values.withUnsafeBytes { block in
      SpoolChecksum(of: id, target: target, rows: rows, dimensions: vectors.dimensions, vectors: block).bytes
    }
    try await write { db in
      try db.cachedStatement(
        sql: """
          INSERT INTO batch (run_id, number, target_id, state, inputs, tokens, contents)
          VALUES (?, ?, ?, 'received', 0, 0, ?)
          """
      ).execute(arguments: [id.run, id.number, target, contents])
      try db.cachedStatement(
        sql: """
          INSERT INTO receipt (run_id, number, inputs, billed_tokens, is_counted_here, cost, spent, received_at)
          VALUES (?, ?, 0, 0, 0, ?, ?, ?)
          """
      ).execute(arguments: [id.run, id.number, cost, cost, date.timeIntervalSince1970])
      try Ledger.spool(vectors, of: id, checksum, db)
    }
  }
}
