import Backfill
import Foundation
import GRDB

extension Ledger {
  /// Calls `body` with the ledger's entries as JSON objects, one a line, some thousand lines at a time: columns, runs,
  /// batches, receipts, batches of the provider's, and the quarantine. No text and no vector is among them (P10).
  ///
  /// A run may go on meanwhile: what it enters at the same time is there or not.
  package func export(_ body: (String) throws -> Void) async throws {
    for table in LedgerExport.tables {
      var place: [DatabaseValue] = table.places.map { _ in Int64.min.databaseValue }
      while true {
        let rows = try await read { [place] db in
          let rows = try Row.fetchAll(db, sql: table.sql, arguments: StatementArguments(place)).map(Array.init(row:))
          if let last = rows.last?.dropFirst() {
            let isBehind = try Bool.fetchOne(db, sql: table.isBehind, arguments: StatementArguments(last + place))
            guard isBehind ?? false else { throw LedgerDamage(place: table.from) }
          }
          return rows
        }
        guard let last = rows.last else { break }
        try body(rows.compactMap { String.fromDatabaseValue($0[0]) }.joined(separator: "\n"))
        place = Array(last.dropFirst())
      }
    }
  }
}

extension [DatabaseValue] {
  fileprivate init(row: Row) { self = Array(row.databaseValues) }
}
