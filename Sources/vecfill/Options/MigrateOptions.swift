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
  var migrationDatabaseUrl: String?

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

  /// Where the database is; `configuration` is the job's, where there is one.
  func url(_ configuration: JobConfiguration? = nil) throws -> DatabaseURL {
    let direct = migrationDatabaseUrl ?? ProcessInfo.processInfo.environment["VECFILL_MIGRATION_DATABASE_URL"]
    if let direct, !direct.isEmpty { return try DatabaseURL(direct) }
    return try DatabaseURL((configuration ?? JobConfiguration()).databaseURL().reveal())
  }

  /// Runs `body` with a migrator on the database, which it closes after.
  func migrating<Value>(
    _ configuration: JobConfiguration? = nil, _ body: (Migrator) async throws -> Value
  ) async throws -> Value {
    let url = try url(configuration)
    let name = "vecfill migrate \(Host.name) pid \(getpid())"
    let tell: @Sendable (String) -> Void = { Console.standard.log($0) }
    let database: any MigrationDatabase
    switch url.engine {
    case .postgres:
      var patience = LockPatience()
      patience.attempts = lockAttempts
      database = try await PostgresMigrations.connect(to: url, applicationName: name, patience: patience, tell: tell)
    case .sqlite(let path):
      database = try SQLiteMigrations(path: path, identity: url.identity, applicationName: name)
    }
    do {
      let set = try MigrationSet(in: Self.folder(migrations), for: database.dialect)
      let value = try await body(Migrator(database, set, lockWait: .seconds(wait), tell: tell))
      await database.close()
      return value
    } catch {
      await database.close()
      throw error
    }
  }
}
