import Foundation
import TestSupport
import Testing

/// What the server has billed never passes the budget, whatever the price and whenever the process is killed (P5).
@Suite struct BudgetTests {
  /// So many of them are tried; `scripts/chaos budget` tries 200.
  static let cases = ProcessInfo.processInfo.environment["VECFILL_BUDGETS"].flatMap { Int($0) } ?? 6

  @Test(arguments: 0..<cases) func `a budget is kept over kills and lost replies`(number: Int) async throws {
    var random = SystemRandomNumberGenerator()
    let price = Double(Int.random(in: 1...400, using: &random)) / 100
    let rows = Int.random(in: 20...120, using: &random)
    let all = Double(rows * 50) * price / 1_000_000
    let budget = max((all * Double.random(in: 0.05...16, using: &random) * 1e9).rounded() / 1e9, 0.0001)
    let lost = (0..<40).filter { _ in Bool.random(using: &random) && Bool.random(using: &random) }
    try await Scene.run(.sqlite, rules: [.requests(lost, .resetAfterProcessing)]) { scene in
      try await scene.database.insert((0..<rows).map { "message \($0) " + String(repeating: "x", count: 188) })
      try Data(Self.catalogue(price).utf8).write(to: URL(fileURLWithPath: scene.folder.file("models.yaml")))
      let arguments = ["--models", "models.yaml", "--budget", "\(Decimal(budget))"]
      for _ in 0..<2 {
        let seen = scene.server.record.requests.count
        let after = Int.random(in: 1...6, using: &random)
        let process = try scene.start(["run", "job.yaml"] + arguments)
        try await scene.poll("requests or the end") {
          scene.server.record.requests.count >= seen + after || !process.isRunning
        }
        process.send(SIGKILL)
        _ = await process.exit()
      }
      let exit = try await scene.fill(arguments)
      #expect([0, 82].contains(exit.code), "\(exit.errors)")
      let billed = Double(scene.server.record.billedTokens) * price / 1_000_000
      #expect(billed <= budget, "price \(price), budget \(budget)")
      if exit.code == 0 { #expect(try await scene.wrongRows() == []) }
      print("figure: budget \(budget) price \(price) billed \(billed) exit \(exit.code ?? -1)")
    }
  }

  static func catalogue(_ price: Double) -> String {
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
    """
  }
}
