import ArgumentParser
import Backfill
import Configuration
import Foundation
import MessageStores
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
  ///
  /// - Parameter surveying: whether what a run would refuse of the job's rows and texts is refused before.
  func migrating<Value>(surveying: Bool = false, _ body: (Migrator) async throws -> Value) async throws -> Value {
    let configuration = try database.configuration(spec: spec)
    let url = try database.url(configuration)
    switch url.engine {
    case .postgres:
      var patience = LockPatience()
      patience.attempts = lockAttempts
      let schema = try spec == nil ? nil : configuration.job().firstSchema
      return try await PostgresMigrations.connect(
        to: url, applicationName: database.applicationName, schema: schema, patience: patience, narrator: .console
      ).closing { try await migrating(configuration, url, $0, surveying, body) }
    case .sqlite(let path):
      return try await SQLiteMigrations(
        path: path, identity: url.identity, applicationName: database.applicationName
      ).closing { try await migrating(configuration, url, $0, surveying, body) }
    }
  }

  private func migrating<Value>(
    _ configuration: JobConfiguration, _ url: DatabaseURL, _ opened: some MigrationDatabase, _ surveying: Bool,
    _ body: (Migrator) async throws -> Value
  ) async throws -> Value {
    let set: MigrationSet
    if spec == nil {
      set = try MigrationSet(in: Self.folder(migrations), for: opened.dialect)
    } else {
      let job = try configuration.job()
      if surveying { try await survey(job, url) }
      let needs = try await JobMigrations(job, opened)
      for note in needs.notes { Narrator.console.tell(note) }
      set = needs.set
    }
    var migrator = Migrator(opened, set, lockWait: .seconds(wait), tell: Narrator.console.tell)
    let columns = FilledColumns(configuration, opened.identity)
    migrator.quarantined = { try await columns.quarantined($0) }
    migrator.unwritten = { [name = database.applicationName] in
      try await columns.unwritten($0, at: url, applicationName: name)
    }
    return try await body(migrator)
  }

  /// Throws a `Failure` for what a run would refuse though all migrations were done. What the role that migrates may not
  /// read is not its to judge: the one that runs may be another.
  private func survey(_ job: Job, _ url: DatabaseURL) async throws {
    let store = try await url.openMessageStore(applicationName: database.applicationName, for: .preparing)
    do {
      for source in job.askedBeforeItsColumns {
        do {
          _ = try await store.inspect(source, dimensions: job.model.dimensions, for: .preparing)
        } catch let failure as Failure where failure.exitCode == .denied {
          continue
        }
      }
      await store.close()
    } catch {
      await store.close()
      throw error
    }
  }
}

extension Job {
  /// The sources as they can be asked while the job's columns are yet to be made: a `where` that speaks of one can't be.
  fileprivate var askedBeforeItsColumns: [Source] {
    let columns = Set(sources.flatMap { [$0.vector, $0.digestColumn, $0.sqliteDigestColumn] }.map { $0.lowercased() })
    return sources.map { source in
      guard let condition = source.condition?.lowercased(), columns.contains(where: condition.contains) else {
        return source
      }
      var asked = source
      (asked.condition, asked.conditionPlace) = (nil, nil)
      return asked
    }
  }
}
