import Backfill
import Foundation
import GRDB

extension Ledger {
  /// What goes when a column is forgotten.
  package struct Forgotten: Equatable, Sendable {
    /// Rows whose vectors are paid for and not written.
    package var spooledRows = 0
    package var quarantined = 0
    /// Dollars that count against a budget of the column's jobs.
    package var spent = 0.0
    /// Whether the ledger knows the column at all.
    package var isKnown = false

    package init(spooledRows: Int = 0, quarantined: Int = 0, spent: Double = 0, isKnown: Bool = false) {
      self.spooledRows = spooledRows
      self.quarantined = quarantined
      self.spent = spent
      self.isKnown = isKnown
    }
  }

  /// What would go.
  ///
  /// - Parameter identity: nil for a column that the database no longer has, which goes by its names alone.
  package func held(of identity: ColumnIdentity?, _ source: Source) async throws -> Forgotten {
    try await read { db in try Ledger.held(Ledger.targets(of: identity, source, db), db) }
  }

  /// Forgets a column: how far it was read, its vectors that wait to be written, its quarantine, and what its vectors
  /// are made of. Its receipts stay for `cost`. Returns what went.
  package func forget(_ identity: ColumnIdentity?, _ source: Source) async throws -> Forgotten {
    try await write { db in
      let targets = try Ledger.targets(of: identity, source, db)
      let held = try Ledger.held(targets, db)
      for target in targets {
        _ = try Ledger.dropSpool(of: target, db)
        try Ledger.release(target, db)
        try Ledger.forgetTexts(of: target, db)
        _ = try Ledger.loseRequests(targets: String(target), db)
        _ = try Ledger.giveUpLines(of: target, db)
        try db.execute(
          sql: "UPDATE target SET identity = ? WHERE id = ?", arguments: ["\(Ledger.forgotten) \(target)", target])
      }
      return held
    }
  }

  /// The columns that it knows, as "table.column", each once; none that was forgotten.
  package func columns() async throws -> [String] {
    try await read { db in
      try String.fetchAll(
        db,
        sql: """
          SELECT DISTINCT source || '.' || vector_column AS name FROM target
          WHERE identity NOT LIKE '\(Ledger.forgotten) %' IS NOT 0 ORDER BY name
          """)
    }
  }

  /// How the identity of a column begins that was forgotten.
  static let forgotten = "forgotten"

  private static func targets(of identity: ColumnIdentity?, _ source: Source, _ db: Database) throws -> [Int64] {
    let parts =
      try identity.map { try self.parts(of: $0, db).map { try $0.target.checked("id", as: Int64.self) } } ?? []
    return try Int64.fetchAll(
      db,
      sql: """
        SELECT id FROM target WHERE CASE WHEN ?1 IS NULL OR identity IS NULL
          THEN source = ?2 AND vector_column = ?3 AND identity NOT LIKE '\(forgotten) %' IS NOT 0
          ELSE identity = ?1 END
        """, arguments: [identity?.description, source.name, source.vector]) + parts
  }

  private static func held(_ targets: [Int64], _ db: Database) throws -> Forgotten {
    guard !targets.isEmpty else { return Forgotten() }
    let owned = targets.map(String.init).joined(separator: ",")
    return Forgotten(
      spooledRows: try targets.reduce(0) { try $0 + spooledRows(of: $1, db) },
      quarantined: try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM quarantine WHERE target_id IN (\(owned))") ?? 0,
      spent: try spent(targets: owned, db), isKnown: true)
  }
}
