import Foundation
import Ledger
import TestSupport
import Testing
import Tokenizer

/// What the server has billed never passes the budget, whatever the price and whenever the process is killed (P5).
@Suite struct BudgetTests {
  /// So many of them are tried; `scripts/chaos budget` tries 200.
  static let cases = ProcessInfo.processInfo.environment["VECFILL_BUDGETS"].flatMap { Int($0) } ?? 6

  @Test(arguments: 0..<cases) func `a budget is kept over kills and lost replies, and used`(number: Int) async throws {
    var random = SystemRandomNumberGenerator()
    let tokenizer = number.isMultiple(of: 2) ? EstimateCommandTests.vocabulary : nil
    let price = Double(Int.random(in: 1...400, using: &random)) / 100
    let rows = Int.random(in: 20...120, using: &random)
    let texts = (0..<rows).map { "message \($0) " + String(repeating: "x y ", count: Int.random(in: 1...90)) }
    var options = EmbeddingsServer.Options()
    // Without a vocabulary the provider counts in its own way, up to a token a byte.
    let bytesPerToken = Double.random(in: 1...8, using: &random)
    options.tokens = { text in
      tokenizer?.count(text) ?? max(1, Int(Double(text.utf8.count) / bytesPerToken))
    }
    let all = Double(texts.reduce(0) { $0 + options.tokens($1) }) * price / 1_000_000
    let budget = max((all * Double.random(in: 0.05...2, using: &random) * 1e9).rounded() / 1e9, 0.0001)
    let lost = (0..<40).filter { _ in Bool.random(using: &random) && Bool.random(using: &random) }
    try await Scene.run(.sqlite, options, rules: [.requests(lost, .resetAfterProcessing)]) { scene in
      try await scene.database.insert(texts)
      let catalogue = Self.catalogue(price, tokenizer: tokenizer == nil ? "unverified" : "cl100k_base")
      try Data(catalogue.utf8).write(to: URL(fileURLWithPath: scene.folder.file("models.yaml")))
      let arguments = ["--models", "models.yaml", "--budget", "\(Decimal(budget))"]
      let environment = ["VECFILL_DATA_DIR": EstimateCommandTests.folder]
      for _ in 0..<2 {
        let seen = scene.server.record.requests.count
        let after = Int.random(in: 1...6, using: &random)
        let process = try scene.start(["run", "job.yaml"] + arguments, environment)
        try await scene.poll("requests or the end") {
          scene.server.record.requests.count >= seen + after || !process.isRunning
        }
        process.send(SIGKILL)
        _ = await process.exit()
      }
      let exit = try await scene.fill(arguments, environment)
      #expect([0, 82].contains(exit.code), "\(exit.errors)")
      let billed = Double(scene.server.record.billedTokens) * price / 1_000_000
      #expect(billed <= budget * (1 + 1e-9), "price \(price), budget \(budget)")
      if exit.code == 0 { #expect(try await scene.wrongRows() == []) }
      if exit.code == 82 {
        // What is spent or may be; one more input, by its bytes at most, did not fit.
        let expenses = try await Ledger.openForReading(at: scene.ledgerPath)?.expenses(by: .model) ?? []
        let spent = expenses.reduce(0) { $0 + ($1.cost ?? 0) + ($1.possiblyPaidCost ?? 0) }
        let largest = Double(texts.map { $0.utf8.count + 2 }.max() ?? 0) * price / 1_000_000
        #expect(spent + largest > budget, "spent \(spent) of \(budget)")
      }
      print(
        "figure: budget \(budget) price \(price) \(tokenizer == nil ? "estimated" : "exact") billed \(billed) exit \(exit.code ?? -1)"
      )
    }
  }

  static func catalogue(_ price: Double, tokenizer: String = "unverified") -> String {
    """
    providers:
      - name: tested
        hosts: [127.0.0.1]
    models:
      - id: text-embedding-3-small
        provider: tested
        price:
          usd_per_million_tokens: \(price)
          as_of: 2026-11
          source: "the test"
        dimensions: 8
        tokenizer: \(tokenizer)
    """
  }
}
