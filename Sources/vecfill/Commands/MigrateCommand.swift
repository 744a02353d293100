import ArgumentParser

struct MigrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Make the database ready for a job, and put it back, while the application works.",
    discussion: """
      Adds pgvector, the columns and the indexes by numbered migrations, which the database itself records. It takes \
      no lock for longer than half a second, does nothing twice, and can be killed at any instant: run it again.
      """,
    subcommands: [
      MigrateUpCommand.self, MigrateDownCommand.self, MigrateStatusCommand.self, MigrateHistoryCommand.self,
      MigratePlanCommand.self, MigrateSQLCommand.self, MigrateVerifyCommand.self, MigrateRepairCommand.self,
      MigrateStampCommand.self, MigrateRestoreCommand.self, MigrateNewCommand.self, MigrateLintCommand.self,
    ])
}
