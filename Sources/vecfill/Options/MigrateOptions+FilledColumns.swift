import Backfill
import Configuration
import Ledger
import Migrations

/// What the ledger on this machine knows of a database's columns.
struct FilledColumns: Sendable {
  private let configuration: JobConfiguration
  private let identity: String

  init(_ configuration: JobConfiguration, _ identity: String) {
    self.configuration = configuration
    self.identity = identity
  }

  /// The rows of a column that are in quarantine.
  func quarantined(_ column: MigrationScript.LoadedColumn) async throws -> Int {
    try await jobs(of: column.table, column.column).flatMap(\.columns).filter { known in
      known.source == column.table.description && known.vectorColumn == column.column
    }.map(\.quarantined).max() ?? 0
  }

  /// What a column's values cost, in words; empty where the ledger doesn't know it.
  func cost(of table: SQLName, _ column: String) async throws -> String {
    guard let job = try await jobs(of: table, column).first, let cost = job.totals.cost else { return "" }
    return ", which cost \(cost.dollars)\(job.columns.count > 1 ? " with the job's other columns" : "") (\(try path))"
  }

  private func jobs(of table: SQLName, _ column: String) async throws -> [Ledger.JobStatus] {
    try await (Ledger.openForReading(at: path)?.jobs() ?? []).filter { job in
      job.database == identity
        && job.columns.contains { $0.source == table.description && $0.vectorColumn == column }
    }
  }

  private var path: String {
    get throws { try configuration.ledgerPath ?? StateFolder().ledger }
  }
}
