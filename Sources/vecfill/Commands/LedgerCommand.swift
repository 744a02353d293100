import ArgumentParser

struct LedgerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Change what vecfill remembers of a column.",
    subcommands: [LedgerForgetCommand.self])
}
