import Backfill
import Configuration
import Ledger
import MessageStores
import Migrations
import Postgres

/// What the ledger on this machine, and the database's spool, know of a database's columns.
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

  /// The rows of a column whose vectors are paid for, not yet written, and lost with the column.
  ///
  /// None in SQLite, where a column that is made again is known again by its name.
  func unwritten(_ dropped: DroppedColumn, at url: DatabaseURL, applicationName: String) async throws -> Int {
    guard case .postgres = url.engine else { return 0 }
    let source = Source(schema: dropped.table.schema, table: dropped.table.name, vector: dropped.column)
    let waiting = try await url.spoolWaiting(for: [source], applicationName: applicationName)
    guard let ledger = try Ledger.openForReading(at: path) else { return waiting.rows }
    let store = try await url.openMessageStore(applicationName: applicationName, for: .reading)
    let known: Result<ColumnIdentity?, any Error>
    do {
      known = .success(try await store.column(of: source))
    } catch {
      known = .failure(error)
    }
    await store.close()
    guard let column = try known.get() else { return waiting.rows }
    // Both hold the same ones, unless the database has some of another ledger's.
    return max(waiting.rows, try await ledger.unwrittenRows(of: column, source, in: store.identity))
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
