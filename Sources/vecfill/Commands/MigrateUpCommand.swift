import ArgumentParser
import Backfill
import Migrations

struct MigrateUpCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Apply what is pending, and finish what was interrupted.",
    discussion: """
      `vecfill migrate up jobs/X.yaml` makes what the job's tables need and no more. What is there already stays as it is. \
      Without a job spec, it runs the migrations of a folder (docs/migrations.md).

      Example: `vecfill migrate up job.yaml`
      """)

  @OptionGroup var options: MigrateOptions

  @Option(help: ArgumentHelp("The last version to apply.", valueName: "version"))
  var to: Int?

  @Flag(help: "Also apply what waits for a filled column, such as vector indexes.")
  var beforeLoad = false

  @Flag(help: "Also apply what is pending below an applied version.")
  var outOfOrder = false

  func run() async throws {
    let done = try await options.migrating(surveying: true) { migrator in
      try await migrator.up(Migrator.UpOptions(version: to, beforeLoad: beforeLoad, outOfOrder: outOfOrder))
    }
    let removed = done.count(where: \.isWithdrawn)
    let parts = [("applied", done.count - removed), ("removed", removed)].filter { $1 > 0 }
    print(
      parts.isEmpty ? "nothing to apply" : parts.map { "\($0) \($1.of("migration"))" }.joined(separator: ", "))
  }
}
