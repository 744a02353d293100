import Backfill
import Foundation
import GRDB

/// Up to where columns were searched for edited rows.
extension Ledger {
  /// nil where that is not known, or can't be read: it is a hint, and without it every text is read.
  package func searchedEdits(of target: Int64) async throws -> SearchedEdits? {
    try await read { db in
      try Row.fetchOne(db, sql: "SELECT searched_edits FROM target WHERE id = ?", arguments: [target])
        .flatMap { try? $0.decoded("searched_edits", as: SearchedEdits.self) }
    }
  }

  package func record(_ searched: SearchedEdits, of target: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE target SET searched_edits = ? WHERE id = ?", arguments: [Ledger.json(searched), target])
    }
  }
}
