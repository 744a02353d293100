import Backfill
import Foundation
import GRDB

/// Finds vectors that stand in several rows whose texts differ.
///
/// Some 60 bytes of each distinct vector are kept, in memory up to 32 MiB and then in a temporary file.
package final class RepeatedVectors: Sendable {
  private let database: TemporaryDatabase

  /// Throws a `Failure` with `.localIO`.
  package init() throws {
    database = try TemporaryDatabase(
      """
      CREATE TABLE seen (
        vector BLOB PRIMARY KEY, rows INTEGER NOT NULL,
        -- How many different texts it has, up to three; the first two, and the keys of a row with each.
        texts INTEGER NOT NULL, text1 BLOB, text2 BLOB, key1 TEXT NOT NULL, key2 TEXT, key3 TEXT
      ) WITHOUT ROWID
      """)
  }

  /// A row's vector and its text.
  package struct Row: Sendable {
    let vector: Data
    let text: Data?
    let key: RowKey

    package init(_ facts: VectorFacts, of key: RowKey) {
      vector = Data(facts.vectorTag)
      text = facts.textTag.map { Data($0) }
      self.key = key
    }
  }

  package func add(_ rows: [Row]) async throws {
    guard !rows.isEmpty else { return }
    try await database.write { db in
      // What is assigned is computed from the row as it was.
      let isNew = """
        texts < 3 AND text1 IS NOT excluded.text1 AND (texts = 1 OR text2 IS NOT excluded.text1)
        """
      let statement = try db.cachedStatement(
        sql: """
          INSERT INTO seen VALUES (?, 1, 1, ?, NULL, ?, NULL, NULL)
          ON CONFLICT (vector) DO UPDATE SET rows = rows + 1, texts = texts + (\(isNew)),
            text2 = CASE WHEN texts = 1 AND \(isNew) THEN excluded.text1 ELSE text2 END,
            key2 = CASE WHEN texts = 1 AND \(isNew) THEN excluded.key1 ELSE key2 END,
            key3 = CASE WHEN texts = 2 AND \(isNew) THEN excluded.key1 ELSE key3 END
          """)
      for row in rows { try statement.execute(arguments: [row.vector, row.text, Ledger.json(row.key)]) }
    }
  }

  /// What was found.
  package struct Summary: Equatable, Sendable {
    /// Vectors that stand for at least two texts.
    package let vectors: Int
    /// The rows that have one of those.
    package let rows: Int
    /// The most texts that one of them stands for; 3 is three or more.
    package let mostTexts: Int
    /// Rows with different texts and the vector that stands most often.
    package let keys: [RowKey]
  }

  package func summary() async throws -> Summary {
    try await database.write { db in
      let sums = try GRDB.Row.fetchOne(
        db, sql: "SELECT count(*), coalesce(sum(rows), 0), coalesce(max(texts), 0) FROM seen WHERE texts > 1")
      let worst = try GRDB.Row.fetchOne(
        db, sql: "SELECT key1, key2, key3 FROM seen WHERE texts > 1 ORDER BY texts DESC, rows DESC LIMIT 1")
      let keys = try (worst.map { Array($0.databaseValues) } ?? []).compactMap { value in
        try String.fromDatabaseValue(value).map { try JSONDecoder().decode(RowKey.self, from: Data($0.utf8)) }
      }
      return Summary(vectors: sums?[0] ?? 0, rows: sums?[1] ?? 0, mostTexts: sums?[2] ?? 0, keys: keys)
    }
  }
}
