import Backfill
import Foundation
import GRDB

/// Which texts of a column are known, found by their digest: in memory up to 32 MiB and then in a temporary file, some 50
/// bytes a text.
///
/// It is made of what the ledger holds, from the entry on at which it stopped, and is gone with the process.
package final class KnownTexts: Sendable {
  private let ledger: Ledger?
  private let target: Int64?
  private let database: TemporaryDatabase
  private let lastEntry = Locked<Int64>(0)

  /// So many entries are read from the ledger at once.
  private static let step = 10_000

  /// Of a column that is `target` in the ledger; without a ledger, of none.
  ///
  /// Throws a `Failure` with `.localIO`.
  package init(in ledger: Ledger?, of target: Int64?) throws {
    self.ledger = ledger
    self.target = target
    database = try TemporaryDatabase(
      """
      CREATE TABLE text (digest BLOB PRIMARY KEY, entry INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE claimed (digest BLOB PRIMARY KEY) WITHOUT ROWID;
      """)
  }

  /// Those of `digests` that the ledger knows.
  package func known(_ digests: Set<TextDigest>) async throws -> [KnownText] {
    try await update()
    guard let ledger, !digests.isEmpty else { return [] }
    return try await ledger.texts(Array(try await entries(of: digests).values))
  }

  /// Those of `digests` that were not among those of an earlier call; from now on they are.
  package func claim(_ digests: Set<TextDigest>) async throws -> Set<TextDigest> {
    try await database.write { db in
      let statement = try db.cachedStatement(sql: "INSERT OR IGNORE INTO claimed VALUES (?)")
      return try digests.filter { digest in
        try statement.execute(arguments: [Data(digest.bytes)])
        return db.changesCount > 0
      }
    }
  }

  private func entries(of digests: Set<TextDigest>) async throws -> [TextDigest: Int64] {
    try await database.write { db in
      let statement = try db.cachedStatement(sql: "SELECT entry FROM text WHERE digest = ?")
      var found: [TextDigest: Int64] = [:]
      for digest in digests { found[digest] = try Int64.fetchOne(statement, arguments: [Data(digest.bytes)]) }
      return found
    }
  }

  /// Reads what the ledger has entered since.
  private func update() async throws {
    guard let ledger, let target else { return }
    while true {
      let entered = try await ledger.texts(of: target, after: lastEntry.withLock { $0 }, limit: Self.step)
      guard let last = entered.last else { return }
      try await database.write { db in
        let statement = try db.cachedStatement(sql: "INSERT OR REPLACE INTO text VALUES (?, ?)")
        for (entry, digest) in entered { try statement.execute(arguments: [digest, entry]) }
      }
      lastEntry.withLock { $0 = last.entry }
      guard entered.count == Self.step else { return }
    }
  }
}
