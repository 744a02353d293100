import ArgumentParser

struct Vecfill: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vecfill",
    abstract: "Fill the missing embeddings of a live database, resumably.",
    discussion: """
      Finds the rows that have no vector, embeds their texts through an embeddings API, and writes the vectors back. \
      It can be killed at any time: run the same command again and it goes on, without paying twice.

      Example: `vecfill estimate job.yaml`, then `vecfill migrate up job.yaml`, then `vecfill run job.yaml`
      """,
    version: Vecfill.version,
    groupedSubcommands: [
      CommandGroup(
        name: "First", subcommands: [EstimateCommand.self, MigrateCommand.self, CheckCommand.self, RunCommand.self]),
      CommandGroup(
        name: "Result",
        subcommands: [
          VerifyCommand.self, SearchCommand.self, QuarantineCommand.self, CostCommand.self, ReportCommand.self,
        ]),
      CommandGroup(
        name: "Running job",
        subcommands: [
          StatusCommand.self, BatchCommand.self, PauseCommand.self, ResumeCommand.self, StopCommand.self,
          SetCommand.self,
        ]),
      CommandGroup(name: "Many processes", subcommands: [PlanCommand.self, FinishCommand.self]),
      CommandGroup(name: "Other engines", subcommands: [ExportCommand.self, LoadCommand.self]),
      CommandGroup(
        name: "Filled column", subcommands: [AdoptCommand.self, ReembedCommand.self, LedgerCommand.self]),
      CommandGroup(
        name: "Setting", subcommands: [ConfigCommand.self, ModelsCommand.self, TokenizerCommand.self]),
    ])

  static let version = Build.description
}
