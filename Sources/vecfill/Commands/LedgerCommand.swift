import ArgumentParser

struct LedgerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Change what the ledger remembers.", subcommands: [LedgerForgetCommand.self])
}
