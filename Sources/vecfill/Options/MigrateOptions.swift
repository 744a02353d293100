import ArgumentParser
import Backfill
import Configuration
import Foundation
import Migrations
import Postgres

/// Which migrations are meant and what they are run on, for each command of `vecfill migrate`.
struct MigrateOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "A job spec: work on what this job's tables need, not on a folder of migrations.", valueName: "spec"),
    completion: .yaml)
  var spec: String?

  @Option(
    help: ArgumentHelp("The folder of migrations (default: those that ship with vecfill).", valueName: "folder"),
    completion: .directory)
  var migrations: String?

  @OptionGroup var database: MigrationDatabaseOption

  @Option(help: ArgumentHelp("Seconds to wait for another process that migrates.", valueName: "seconds"))
  var wait: Double = 60

  @Option(
    help: ArgumentHelp("Attempts to get a lock before it gives up; 15 take some two minutes.", valueName: "attempts"))
  var lockAttempts = 15

  func validate() throws {
    guard spec == nil || migrations == nil else {
      throw ValidationError("name a job spec or a folder with --migrations, not both")
    }
    guard (0...86_400).contains(wait) else { throw ValidationError("--wait takes seconds from 0 to 86400") }
    guard (1...1000).contains(lockAttempts) else {
      throw ValidationError("--lock-attempts takes a number from 1 to 1000")
    }
  }

  /// The folder that was chosen, else the one that ships with vecfill.
  static func folder(_ chosen: String?) throws -> String {
    try chosen ?? MigrationsFolder.find(from: ProcessContext.current().executable)
  }

  /// Runs `body` with a migrator on the database, which is closed after it.
  func migrating<Value>(_ body: (Migrator) async throws -> Value) async throws -> Value {
    let configuration = try database.configuration(spec: spec)
    let url = try database.url(configuration)
    switch url.engine {
    case .postgres:
      var patience = LockPatience()
      patience.attempts = lockAttempts
      let schema = try spec == nil ? nil : configuration.job().firstSchema
      return try await PostgresMigrations.connect(
        to: url, applicationName: database.applicationName, schema: schema, patience: patience, narrator: .console
      ).closing { try await migrating(configuration, $0, body) }
    case .sqlite(let path):
      return try await SQLiteMigrations(
        path: path, identity: url.identity, applicationName: database.applicationName
      ).closing { try await migrating(configuration, $0, body) }
    }
  }

  private func migrating<Value>(
    _ configuration: JobConfiguration, _ opened: some MigrationDatabase, _ body: (Migrator) async throws -> Value
  ) async throws -> Value {
    let set: MigrationSet
    if spec == nil {
      set = try MigrationSet(in: Self.folder(migrations), for: opened.dialect)
    } else {
      let needs = try await JobMigrations(configuration.job(), opened)
      for note in needs.notes { Narrator.console.tell(note) }
      set = needs.set
    }
    var migrator = Migrator(opened, set, lockWait: .seconds(wait), tell: Narrator.console.tell)
    let columns = FilledColumns(configuration, opened.identity)
    migrator.quarantined = { try await columns.quarantined($0) }
    return try await body(migrator)
  }
}
