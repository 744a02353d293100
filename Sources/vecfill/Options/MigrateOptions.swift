import ArgumentParser
import Backfill
import Configuration
import Foundation
import MessageStores
import Migrations

/// Where the migrations are and what they are run on, for each command of `vecfill migrate`.
struct MigrateOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The folder of migrations (default: those that ship with vecfill).", valueName: "folder"))
  var migrations: String?

  @Option(
    help: ArgumentHelp(
      "The database's own address, past a pooler (default: VECFILL_MIGRATION_DATABASE_URL, else DATABASE_URL).",
      valueName: "url"))
  var migrationDatabaseURL: String?

  @Option(help: ArgumentHelp("Seconds to wait for another process that migrates.", valueName: "seconds"))
  var wait: Double = 60

  @Option(
    help: ArgumentHelp("Attempts to get a lock before it gives up; 15 take some two minutes.", valueName: "attempts"))
  var lockAttempts = 15

  func validate() throws {
    guard (0...86_400).contains(wait) else { throw ValidationError("--wait takes seconds from 0 to 86400") }
    guard (1...1000).contains(lockAttempts) else {
      throw ValidationError("--lock-attempts takes a number from 1 to 1000")
    }
  }

  /// The folder that was chosen, else the one that ships with vecfill.
  static func folder(_ chosen: String?) throws -> String {
    try chosen ?? MigrationsFolder.find(from: ProcessContext.current().executable)
  }

  func configuration(spec: String? = nil) throws -> JobConfiguration {
    try JobConfiguration(spec: spec, flags: [.migrationDatabaseURL: migrationDatabaseURL].compactMapValues(\.self))
  }

  /// Where the database is; `configuration` is the job's, where there is one.
  func url(_ configuration: JobConfiguration? = nil) throws -> DatabaseURL {
    try DatabaseURL((configuration ?? self.configuration()).migrationDatabaseURL().reveal())
  }

  /// Runs `body` with a migrator on the database, which it closes after.
  func migrating<Value>(
    _ configuration: JobConfiguration? = nil, _ body: (Migrator) async throws -> Value
  ) async throws -> Value {
    let url = try url(configuration)
    let database: any MigrationDatabase
    switch url.engine {
    case .postgres:
      var patience = LockPatience()
      patience.attempts = lockAttempts
      database = try await PostgresMigrations.connect(
        to: url, applicationName: applicationName, patience: patience, narrator: .console)
    case .sqlite(let path):
      database = try SQLiteMigrations(path: path, identity: url.identity, applicationName: applicationName)
    }
    do {
      let set = try MigrationSet(in: Self.folder(migrations), for: database.dialect)
      let value = try await body(Migrator(database, set, lockWait: .seconds(wait), tell: Narrator.console.tell))
      await database.close()
      return value
    } catch {
      await database.close()
      throw error
    }
  }

  /// Runs `body` on the life of the database's indexes.
  func restoring(_ body: (IndexLife) async throws -> [String]) async throws -> [String] {
    let url = try url()
    guard case .postgres = url.engine else { return [] }
    let life = try await IndexLife.connect(
      to: url, of: url, applicationName: applicationName, narrator: .console)
    do {
      let names = try await body(life)
      await life.close()
      return names
    } catch {
      await life.close()
      throw error
    }
  }

  private var applicationName: String { "vecfill migrate \(Host.name) pid \(getpid())" }
}
