import Backfill
import Migrations
import Postgres

/// What `vecfill migrate up JOB` would do now, by its own plan. Nothing is changed for it.
struct PendingMigrations: Sendable {
  /// What is missing, except indexes of missing rows, which only make a run faster.
  private(set) var needed: [String] = []
  private(set) var indexes: [String] = []

  /// Asks the database at `url`; vector indexes, which wait for the load, are left to their own checks.
  init(of job: Job, at url: DatabaseURL, applicationName: String) async throws {
    switch url.engine {
    case .postgres:
      let silent = Narrator { _ in
      } warn: { _ in
      } show: { _ in
      }
      try await PostgresMigrations.connect(
        to: url, applicationName: applicationName, schema: job.firstSchema, narrator: silent
      ).closing { try await look(at: $0, job) }
    case .sqlite(let path):
      try await SQLiteMigrations(path: path, identity: url.identity, applicationName: applicationName)
        .closing { try await look(at: $0, job) }
    }
  }

  private mutating func look(at database: some MigrationDatabase, _ job: Job) async throws {
    let migrator = Migrator(database, try await JobMigrations(job, database).set) { _ in }
    for step in try await migrator.plan().steps where step.migration.up.directives.load == nil {
      let running = try await migrator.prepare(step).steps.filter(\.runs)
      guard !running.isEmpty else { continue }
      if case .createIndex(let index)? = running.last?.change, index.isOfMissingRows {
        indexes.append(index.name.name)
        continue
      }
      let objects = running.compactMap { $0.change?.object }.filter { if case .function = $0 { false } else { true } }
      let what = objects.isEmpty ? step.migration.name : objects.map { "\($0)" }.joined(separator: " and ")
      needed.append(step.direction == .up ? what : "the removal of \(what)")
    }
  }
}
