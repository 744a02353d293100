import ArgumentParser
import Migrations

struct MigrateRepairCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair", abstract: "Accept edited files as what was applied, and forget versions without a file.",
    discussion: "It changes only the records, never the schema. What was interrupted is finished by `up`, not by this.")

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    let done = try await options.migrating { try await $0.repair() }
    for line in done { print(line) }
    if done.isEmpty { print("nothing to repair") }
  }
}
