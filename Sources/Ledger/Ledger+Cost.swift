import Backfill
import Foundation
import GRDB

extension Ledger {
  /// What the receipts are added up by.
  package enum ExpenseGroup: String, Sendable, CaseIterable {
    case run, day, model
  }

  /// What was billed, and what may have been, for one run, day or model.
  package struct Expense: Sendable, Equatable, Codable {
    /// Of a run: its job, its model and its start; nil for a day, and for a model all but the model.
    package var job: String?
    package var model: String?
    package var startedAt: Date?
    /// The run's number, the day in UTC as 2026-11-22, or the model's name.
    package let group: String
    /// Requests that were answered.
    package let requests: Int
    package let inputs: Int
    package let tokens: Int
    /// Of the tokens, those that were counted here since the provider told none, or none that can be true.
    package let tokensCountedHere: Int
    /// Dollars; nil where no price is known.
    package let cost: Double?
    /// Requests that may have been billed though no reply came, or none that could be used; by the day of their run.
    package let possiblyPaidRequests: Int
    package let possiblyPaidInputs: Int
    /// The most that those can have cost, in dollars; nil where no price is known.
    package let possiblyPaidCost: Double?

    private enum CodingKeys: String, CodingKey {
      case job, model, startedAt, group, requests, inputs
      case tokens = "tokensBilled"
      case tokensCountedHere
      case cost = "costUsd"
      case possiblyPaidRequests = "possiblyPaid"
      case possiblyPaidInputs
      case possiblyPaidCost = "possiblyPaidUsd"
    }
  }

  /// The spending by run, day or model, in their order.
  package func expenses(by group: ExpenseGroup) async throws -> [Expense] {
    let (paid, lost) =
      switch group {
      case .run: ("run.id", "run.id")
      case .day: ("date(received_at, 'unixepoch')", "date(started_at, 'unixepoch')")
      case .model: ("run.model", "run.model")
      }
    return try await read { db in
      var expenses = try Row.fetchAll(
        db,
        sql: """
          WITH entry (name, requests, inputs, tokens, here, cost, lost, lost_inputs, lost_cost) AS (
            SELECT \(paid), requests * (inputs > 0), inputs, billed_tokens, billed_tokens * is_counted_here, cost, 0, 0, NULL
            FROM receipt JOIN run ON run.id = run_id
            UNION ALL
            SELECT \(lost), 0, 0, 0, 0, NULL, times, times * inputs, times * reservation
            FROM (SELECT *, possibly_paid + (state = 'requested') AS times FROM batch) JOIN run ON run.id = run_id
            WHERE times > 0
          )
          SELECT name, SUM(requests) AS requests, SUM(inputs) AS inputs, SUM(tokens) AS tokens, SUM(here) AS here,
            SUM(cost) AS cost, SUM(lost) AS lost, SUM(lost_inputs) AS lost_inputs, SUM(lost_cost) AS lost_cost
          FROM entry GROUP BY name ORDER BY name
          """
      ).map { row in
        Expense(
          group: (row[0] as DatabaseValue).description.trimmingCharacters(in: ["\""]),
          requests: try row.checked("requests"), inputs: try row.checked("inputs"), tokens: try row.checked("tokens"),
          tokensCountedHere: try row.checked("here"), cost: try row.checkedOptional("cost"),
          possiblyPaidRequests: try row.checked("lost"), possiblyPaidInputs: try row.checked("lost_inputs"),
          possiblyPaidCost: try row.checkedOptional("lost_cost"))
      }
      for index in expenses.indices { try Ledger.name(&expenses[index], of: group, db) }
      return expenses
    }
  }

  private static func name(_ expense: inout Expense, of group: ExpenseGroup, _ db: Database) throws {
    switch group {
    case .day: break
    case .model: expense.model = expense.group
    case .run:
      let run = try Row.fetchOne(
        db, sql: "SELECT job, model, started_at FROM run WHERE id = ?", arguments: [Int64(expense.group)])
      expense.job = try run?.checkedOptional("job")
      expense.model = try run?.checkedOptional("model")
      expense.startedAt = try run?.checkedOptional("started_at", as: Double.self).map(Date.init(timeIntervalSince1970:))
    }
  }
}
