import Backfill
import Foundation
import GRDB
import PgVector

/// Searches for rows whose text was edited.
extension SQLiteMessageStore {
  package func beginEditSearch(of source: Source, after earlier: SearchedEdits?) async throws {
    let table = try await table(of: source)
    searches[source] = table.edits?.marked != nil && table.edits?.index == nil ? table.schemaVersion : nil
  }

  package func endEditSearch(of source: Source) async throws -> SearchedEdits? {
    guard let version = searches.removeValue(forKey: source) else { return nil }
    try await change(source) { records in
      try SQLiteEditProof(source: source, database: records.database).keep(since: version)
    }
    // From now on the marks do.
    let dimensions = tables[source]?.dimensions
    tables[source] = try await reporting(source) {
      try await self.queue.read {
        try SQLiteInspection.table(of: source, dimensions: dimensions, for: .reading, in: $0)
      }
    }
    return nil
  }

  package func emptyVectors(of keys: [RowKey], in source: Source) async throws {
    for key in keys {
      let table = try await table(of: source)
      try await change(source) { records in
        let (isRow, arguments) = try table.key.comparison("=", key)
        guard let statement = table.emptying(isRow) else { return }
        do {
          try records.database.execute(sql: statement, arguments: StatementArguments(arguments))
        } catch let error as DatabaseError where SQLiteRefusal.isRefusal(error) {
          // A trigger of the application's keeps it: the next search finds it again.
        }
      }
    }
  }

  /// Forgets that all edited rows are marked: a run without digests can't keep it true.
  func forgetProof(of source: Source) async throws {
    let isKept = try await read(source) { database, _ in
      try SQLiteEditProof(source: source, database: database).read() != nil
    }
    guard isKept else { return }
    try await change(source) { try SQLiteEditProof(source: source, database: $0.database).forget() }
  }
}
