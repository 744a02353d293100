import ArgumentParser

@main
struct Vecfill: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vecfill", abstract: "Fill the missing embeddings of a live database, resumably.",
    subcommands: [ConfigCommand.self, ModelsCommand.self])
}
