import ArgumentParser
import Migrations

struct MigrateSQLCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "Print the SQL that `up` or `down` would run; run nothing.",
    discussion: """
      If somebody else runs it, record that with `vecfill migrate stamp VERSION`. What waits for the load, as an HNSW index \
      does, is in comments: a run with `index: {when: after}` builds it.

      Example: `vecfill migrate sql job.yaml`
      """)

  @OptionGroup var options: MigrateOptions

  @Flag(help: "The way down instead of up.")
  var down = false

  @Option(help: ArgumentHelp("The last version to apply, or the one to keep on the way down.", valueName: "version"))
  var to: Int?

  func run() async throws {
    try await options.migrating(surveying: !down) { migrator in
      let plan = try await down ? migrator.downPlan(to: to) : migrator.plan(to: to)
      let builder = migrator.set.isOfJob ? "vecfill run" : "vecfill migrate up"
      for (prepared, waiting) in try await migrator.outlook(of: plan) {
        print(prepared.sql(waiting: waiting, builder: builder) + "\n")
      }
    }
  }
}
