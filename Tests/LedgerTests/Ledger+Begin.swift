import Backfill
import Foundation
import Ledger

extension Ledger {
  /// Begins a run on columns whose identity is their name, and whose vectors are the job's.
  func begin(_ job: Job, on database: String, at date: Date) async throws -> BegunRun {
    try await begin(job, on: database, columns: job.sources.map { job.column($0, of: database) }, at: date)
  }
}

extension Job {
  func column(_ source: Source, of database: String, isProven: Bool = true) -> LedgerColumn {
    LedgerColumn(
      source: source, identity: ColumnIdentity(database: database, column: "\(source.table).\(source.vector)"),
      fingerprint: fingerprint(of: source), isProven: isProven)
  }
}
