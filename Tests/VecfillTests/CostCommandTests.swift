import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

@Suite struct CostCommandTests {
  /// A usage that can't be true: none, zero, more than there are bytes, or the characters in place of the tokens.
  static let absurd: [String?] = [
    nil, #"{"prompt_tokens":0}"#, #"{"prompt_tokens":99999}"#, #"{"prompt_tokens":110,"total_tokens":110}"#,
  ]

  @Test(arguments: absurd) func `a usage that can't be true is counted here, and marked`(usage: String?) async throws {
    try await Scene.run(.sqlite, rules: [.request(1, .distort(.usage(usage)))]) { scene in
      try await scene.database.insert((100..<130).map { "message \($0)" })
      #expect(try await scene.fill().code == 0)
      let expense = try #require(try await Ledger.openForReading(at: scene.ledgerPath)?.expenses(by: .model).first)
      #expect(expense.group == "text-embedding-3-small")
      #expect(expense.requests == 3)
      #expect(expense.tokensCountedHere > 0)
      #expect(expense.tokensCountedHere < expense.tokens)
      #expect(abs(expense.tokens - 90) <= 20, "\(expense.tokens)")
      let told = try await scene.start(["cost", "--by", "day"]).exit()
      #expect(told.output.contains(expense.tokensCountedHere.description))
    }
  }

  @Test func `a price that is unknown is said to be, and never made up`() async throws {
    var options = EmbeddingsServer.Options()
    options.model = "a-model-of-our-own"
    try await Scene.run(.sqlite, options, rules: [.request(1, .resetAfterProcessing)]) { scene in
      try scene.write(spec: scene.spec.replacingOccurrences(of: "text-embedding-3-small", with: options.model))
      try await scene.database.insert((0..<30).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(exit.output.contains("price unknown"))
      for group in ["run", "day", "model"] {
        let told = try await scene.start(["cost", "--by", group]).exit()
        #expect(told.code == 0, "\(told.errors)")
        let row = try #require(told.output.split(separator: "\n").last)
        #expect(row.split(separator: " ").count { $0 == "unknown" } == 2, "\(told.output)")
        #expect(!told.output.contains("$"))
      }
      let json = try await scene.start(["cost", "--json"]).exit()
      let expenses = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
      let expense = try #require(expenses?.first)
      #expect(expense["cost_usd"] is NSNull)
      #expect(expense["possibly_paid_usd"] is NSNull)
      #expect(expense["possibly_paid"] as? Int == 1)
      let budget = try await scene.fill(["--budget", "1"])
      #expect(budget.code == 78)
      #expect(budget.errors.contains("the price of a-model-of-our-own is unknown"))
    }
  }
}
