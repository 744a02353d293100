import ArgumentParser
import Backfill
import Migrations

struct MigrateVerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check the files against the records, and the records against the live schema.",
    discussion: "Example: `vecfill migrate verify`")

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    let findings = try await options.migrating { try await $0.verify() }
    for finding in findings { print(finding) }
    guard findings.isEmpty else { throw ArgumentParser.ExitCode(Backfill.ExitCode.configuration.rawValue) }
    print("the database has all that was applied")
  }
}
