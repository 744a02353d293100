import ArgumentParser
import Backfill
import Configuration
import Foundation
import MessageStores
import Migrations
import Postgres

/// Where the migrations are and what they are run on, for each command of `vecfill migrate`.
struct MigrateOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The folder of migrations (default: those that ship with vecfill).", valueName: "folder"))
  var migrations: String?

  @OptionGroup var database: MigrationDatabaseOption

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

  /// Runs `body` with a migrator on the database, which it closes after.
  func migrating<Value>(
    _ configuration: JobConfiguration? = nil, _ body: (Migrator) async throws -> Value
  ) async throws -> Value {
    let url = try database.url(configuration)
    let opened: any MigrationDatabase
    switch url.engine {
    case .postgres:
      var patience = LockPatience()
      patience.attempts = lockAttempts
      opened = try await PostgresMigrations.connect(
        to: url, applicationName: database.applicationName, patience: patience, narrator: .console)
    case .sqlite(let path):
      opened = try SQLiteMigrations(path: path, identity: url.identity, applicationName: database.applicationName)
    }
    do {
      let set = try MigrationSet(in: Self.folder(migrations), for: opened.dialect)
      let value = try await body(Migrator(opened, set, lockWait: .seconds(wait), tell: Narrator.console.tell))
      await opened.close()
      return value
    } catch {
      await opened.close()
      throw error
    }
  }
}
