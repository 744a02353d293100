import ArgumentParser

struct LedgerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Check the ledger, export it, make it smaller, or forget a column.",
    subcommands: [LedgerCheckCommand.self, LedgerExportCommand.self, LedgerPruneCommand.self, LedgerForgetCommand.self])
}
