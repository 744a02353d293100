import ArgumentParser

struct MigrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Make the database ready for a job, and put it back, while the application works.",
    discussion: """
      With a job spec, adds what the job's own tables need: pgvector, the columns and the indexes. Without one, runs a \
      folder of numbered migrations. The database itself records what was done. It takes no lock for longer than half \
      a second, does nothing twice, and can be killed at any instant: run it again.
      """,
    subcommands: [
      MigrateUpCommand.self, MigrateDownCommand.self, MigratePlanCommand.self, MigrateSQLCommand.self,
      MigrateStatusCommand.self, MigrateHistoryCommand.self, MigrateVerifyCommand.self, MigrateStampCommand.self,
      MigrateRestoreCommand.self, MigrateNewCommand.self,
    ])
}
