import ArgumentParser
import Migrations

struct MigrateHistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show what was done to the database, when and by whom.",
    discussion: "Example: `vecfill migrate history`")

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    let entries = try await options.migrating { try await $0.database.history() }
    for entry in entries {
      print("\(entry.at)  \(entry.folder)  \(entry.action.rawValue)  \(entry.version) \(entry.name)  \(entry.by)")
    }
    if entries.isEmpty { print("no migration ever ran here") }
  }
}
