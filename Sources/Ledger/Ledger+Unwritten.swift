import Backfill
import GRDB

extension Ledger {
  /// How many rows of a column, by its shards' runs too, have a vector that is paid for and not yet written, or wait for a
  /// batch of the provider's.
  ///
  /// - Parameter database: the database as its address spells it, by which earlier versions named columns.
  package func unwrittenRows(of identity: ColumnIdentity, _ source: Source, in database: String) async throws -> Int {
    try await read { db in
      let known = try Ledger.target(of: identity, source, in: database, db)
      return try ([known].compactMap(\.self) + Ledger.parts(of: identity, db).map(\.target)).reduce(0) {
        try $0 + Ledger.unwrittenRows(of: $1.checked("id"), db)
      }
    }
  }

  static func unwrittenRows(of target: Int64, _ db: Database) throws -> Int {
    try spooledRows(of: target, db) + rowsUnderWay(of: target, db)
  }
}
