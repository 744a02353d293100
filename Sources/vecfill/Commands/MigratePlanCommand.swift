import ArgumentParser
import Backfill
import Configuration
import Migrations

struct MigratePlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Tell what `up` would do, or write the migrations that a job's own tables need.",
    discussion: """
      With a job spec, the live schema is compared with what the job needs (the extension, the columns, the indexes), \
      and what is missing is written as files to review, into the folder of migrations.
      """)

  @Argument(help: ArgumentHelp("The job spec.", valueName: "spec"))
  var spec: String?

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    guard let spec else { return try await tellPending() }
    let configuration = try options.database.configuration(spec: spec)
    let job = try configuration.job()
    try await options.migrating(configuration) { migrator in
      let needs = JobNeeds(dimensions: job.model.dimensions, migrator.database, migrator.set)
      let result = try await needs.missing(for: job.sources)
      for note in result.notes { print(note) }
      let first = try MigrationSet.nextVersion(in: migrator.set.folder)
      for (index, draft) in result.drafts.enumerated() {
        for path in try draft.write(version: first + index, to: migrator.set.folder) { print("wrote \(path)") }
      }
      if result.drafts.isEmpty, result.notes.isEmpty { print("the database has all that \(spec) needs") }
    }
  }

  private func tellPending() async throws {
    try await options.migrating { migrator in
      let plan = MigrationPlan.up(migrator.set, try await migrator.database.records())
      for problem in plan.problems { print("\(problem): \(problem.remedy)") }
      for step in plan.steps {
        let waiting = try await migrator.waiting(step.migration)
        print("\(step.migration): \(waiting.map { "waits for the load: \($0)" } ?? "would be applied")")
        for note in try await migrator.prepare(step).steps.compactMap(\.note) { print("  \(note)") }
      }
      if plan.steps.isEmpty { print("nothing to apply") }
    }
  }
}
