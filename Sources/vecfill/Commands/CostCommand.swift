import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger

struct CostCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cost", abstract: "Show what was spent by run, day or model, and what may have been paid twice.",
    discussion: """
      Reads the receipts in the ledger. "Possibly paid" are requests whose reply never came or could not be used; their \
      dollars are the most that they can have cost.

      Example: `vecfill cost --by day`
      """)

  @Option(help: ArgumentHelp("Add up by run, day (UTC) or model.", valueName: "run|day|model"))
  var by = Ledger.ExpenseGroup.run

  @OptionGroup var ledger: LedgerOption

  @Flag(help: "One JSON array, for machines.")
  var json = false

  func run() async throws {
    let path = try ledger.path()
    guard let ledger = try Ledger.openForReading(at: path) else {
      return print(LedgerOption.nothingYet(path, json: json))
    }
    let expenses = try await ledger.expenses(by: by)
    guard !json else { return print(JSONLine.encode(expenses)) }
    let names = by == .run ? ["run", "job", "started", "model"] : [by.rawValue]
    let head =
      names + [
        "requests", "inputs", "tokens", "counted here", "cost", "possibly paid", "inputs", "at most",
      ]
    print(
      TextTable(
        header: head, rows: expenses.map(row), alignments: Array(repeating: .left, count: names.count)))
  }

  private func row(_ expense: Ledger.Expense) -> [String] {
    let started = expense.startedAt.map { $0.formatted(.iso8601) } ?? "-"
    let names = by == .run ? [expense.job ?? "-", started, expense.model ?? "-"] : []
    return [expense.group] + names + [
      expense.requests.grouped, expense.inputs.grouped, expense.tokens.grouped,
      expense.tokensCountedHere.grouped, dollars(expense.cost, of: expense.requests),
      expense.possiblyPaidRequests.grouped, expense.possiblyPaidInputs.grouped,
      dollars(expense.possiblyPaidCost, of: expense.possiblyPaidRequests),
    ]
  }

  private func dollars(_ cost: Double?, of requests: Int) -> String {
    cost?.dollars ?? (requests == 0 ? "-" : "unknown")
  }
}

extension Ledger.ExpenseGroup: ExpressibleByArgument {}
