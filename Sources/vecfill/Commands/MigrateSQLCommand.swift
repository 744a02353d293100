import ArgumentParser
import Migrations

struct MigrateSQLCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "Print the SQL that `up` or `down` would run; run nothing.",
    discussion: """
      If somebody else runs it, record that with `vecfill migrate stamp VERSION`.

      Example: `vecfill migrate sql job.yaml`
      """)

  @OptionGroup var options: MigrateOptions

  @Flag(help: "The way down instead of up.")
  var down = false

  @Option(help: ArgumentHelp("The last version to apply, or the one to keep on the way down.", valueName: "version"))
  var to: Int?

  func run() async throws {
    try await options.migrating { migrator in
      let plan =
        down
        ? MigrationPlan.down(migrator.set, try await migrator.database.records(), to: to)
        : try await migrator.plan(to: to)
      for step in plan.steps { print(try await migrator.prepare(step).sql + "\n") }
    }
  }
}
