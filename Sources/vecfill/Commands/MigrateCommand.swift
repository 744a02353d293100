import ArgumentParser

struct MigrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Prepare the database for a job, or undo that, while the application works.",
    discussion: """
      With a job spec, adds what the job's tables need: pgvector, columns and indexes. Without one, runs a folder of \
      numbered migrations. The database records what was done. It waits for no lock longer than half a second, does \
      nothing twice, and can be killed at any time: run it again.
      """,
    subcommands: [
      MigrateUpCommand.self, MigrateDownCommand.self, MigratePlanCommand.self, MigrateSQLCommand.self,
      MigrateStatusCommand.self, MigrateHistoryCommand.self, MigrateVerifyCommand.self, MigrateStampCommand.self,
      MigrateRestoreCommand.self, MigrateNewCommand.self,
    ])
}
