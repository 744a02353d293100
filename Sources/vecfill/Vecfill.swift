import ArgumentParser

struct Vecfill: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vecfill",
    abstract: "Fill the missing embeddings of a live database, resumably.",
    discussion: """
      Finds the rows that have no vector, embeds their texts through an embeddings API, and writes the vectors back. \
      It can be killed at any instant: run the same command again and it goes on, without paying twice.
      """,
    version: Vecfill.version,
    subcommands: [
      RunCommand.self, CheckCommand.self, EstimateCommand.self, StatusCommand.self, CostCommand.self,
      PauseCommand.self, ResumeCommand.self, StopCommand.self, SetCommand.self, ReportCommand.self,
      QuarantineCommand.self, VerifyCommand.self, AdoptCommand.self, ReembedCommand.self,
      LedgerCommand.self,
      SearchCommand.self, ConfigCommand.self, ModelsCommand.self, MigrateCommand.self, TokenizerCommand.self,
    ])

  static let version = Build.description
}
