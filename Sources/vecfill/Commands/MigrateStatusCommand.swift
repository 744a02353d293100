import ArgumentParser
import Migrations

struct MigrateStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show the state of each migration; change nothing.",
    discussion: "Example: `vecfill migrate status job.yaml`")

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    let lines = try await options.migrating { try await $0.status() }
    let width = lines.map(\.name.count).max() ?? 0
    for line in lines {
      let name = line.name + String(repeating: " ", count: width - line.name.count)
      print("\(name)  \(line.state)\(line.at.map { " (\($0))" } ?? "")")
    }
  }
}
