import Backfill
import GRDB

extension Ledger {
  /// How many rows of a column have a vector that is paid for and not yet written, or wait for a batch of the provider's.
  ///
  /// - Parameter database: the database as its address spells it, by which earlier versions named columns.
  package func unwrittenRows(of identity: ColumnIdentity, _ source: Source, in database: String) async throws -> Int {
    try await read { db in
      guard let known = try Ledger.target(of: identity, source, in: database, db) else { return 0 }
      let id: Int64 = try known.checked("id")
      return try Ledger.spooledRows(of: id, db) + Ledger.rowsUnderWay(of: id, db)
    }
  }
}
