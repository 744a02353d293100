import ArgumentParser
import Migrations

struct MigrateHistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show what was done to the database, when and by whom.",
    discussion: """
      With a job spec, what was done for that job.

      Example: `vecfill migrate history`
      """)

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    let entries = try await options.migrating { migrator in
      let label = migrator.set.label
      return try await migrator.database.history().filter { options.spec == nil || $0.folder == label }
    }
    for entry in entries {
      print("\(entry.at)  \(entry.folder)  \(entry.action.rawValue)  \(entry.version) \(entry.name)  \(entry.by)")
    }
    if entries.isEmpty {
      print(options.spec == nil ? "no migration ever ran here" : "no migration of this job ever ran here")
    }
  }
}
