import ArgumentParser
import Backfill
import Migrations

struct MigratePlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Show what `up` would do; change nothing.",
    discussion: "Example: `vecfill migrate plan job.yaml`")

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    try await options.migrating(surveying: true) { migrator in
      let plan = try await migrator.plan()
      for problem in plan.problems { print("\(problem): \(problem.remedy)") }
      for (prepared, waiting) in try await migrator.outlook(of: plan) {
        let verb = prepared.direction == .up ? "would be applied" : "would be removed"
        print("\(prepared.migration): \(waiting.map { "waits for the load: \($0)" } ?? verb)")
        for note in prepared.steps.compactMap(\.note) { print("  \(note)") }
      }
      if plan.steps.isEmpty { print("nothing to apply") }
    }
  }
}
