import ArgumentParser
import Backfill
import Configuration
import Ledger

struct CostCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cost", abstract: "Tell what was spent by run, day or model, and what may have been paid twice.",
    discussion: """
      From the receipts in the ledger. What may have been paid are requests whose reply never came or could not be used; \
      its dollars are the most that they can have cost.
      """)

  @Option(help: "What to add up by: run, day (UTC) or model.")
  var by = Ledger.ExpenseGroup.run

  @OptionGroup var ledger: LedgerOption

  @Flag(help: "One JSON array, for machines.")
  var json = false

  func run() async throws {
    let expenses = try await ledger.existing().expenses(by: by)
    guard !json else { return print(JSONLine.encode(expenses)) }
    let head = [
      by.rawValue, "requests", "inputs", "tokens", "counted here", "cost", "possibly paid", "inputs", "at most",
    ]
    print(TextTable(header: head, rows: expenses.map(CostCommand.row)))
  }

  private static func row(_ expense: Ledger.Expense) -> [String] {
    [
      expense.group, expense.requests.grouped, expense.inputs.grouped, expense.tokens.grouped,
      expense.tokensCountedHere.grouped, dollars(expense.cost, of: expense.requests),
      expense.possiblyPaidRequests.grouped, expense.possiblyPaidInputs.grouped,
      dollars(expense.possiblyPaidCost, of: expense.possiblyPaidRequests),
    ]
  }

  private static func dollars(_ cost: Double?, of requests: Int) -> String {
    cost?.dollars ?? (requests == 0 ? "-" : "unknown")
  }
}

extension Ledger.ExpenseGroup: ExpressibleByArgument {}
