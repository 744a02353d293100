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
    var random = SeededGenerator.printed(of: "\(#function) \(number)")
    let tokenizer = number.isMultiple(of: 2) ? EstimateCommandTests.vocabulary : nil
    let price = Double(Int.random(in: 1...400, using: &random)) / 100
    let rows = Int.random(in: 20...120, using: &random)
    let texts = (0..<rows).map {
      "message \($0) " + String(repeating: "x y ", count: Int.random(in: 1...90, using: &random))
    }
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
      _ = try await scene.killRuns(2, after: 1...6, arguments, environment, using: &random)
      let exit = try await scene.fill(arguments, environment)
      #expect([0, 82].contains(exit.code), "\(exit.errors)")
      let billed = Double(scene.server.record.billedTokens) * price / 1_000_000
      #expect(billed <= budget * (1 + 1e-9), "price \(price), budget \(budget)")
      if exit.code == 0 { #expect(try await scene.wrongRows() == []) }
      if exit.code == 82 {
        // What is spent or may be; one more input, by its bytes at most, did not fit.
        let spent = try await Self.spent(scene)
        let largest = Double(texts.map { $0.utf8.count + 2 }.max() ?? 0) * price / 1_000_000
        #expect(spent + largest > budget, "spent \(spent) of \(budget)")
      }
      print(
        "figure: budget \(budget) price \(price) \(tokenizer == nil ? "estimated" : "exact") billed \(billed) exit \(exit.code ?? -1)"
      )
    }
  }

  /// What the budget has counted. It is more than the replies told where they told too little to be believed.
  private static func spent(_ scene: Scene) async throws -> Double {
    let sums = try await SQLiteFile.rows(
      of: "SELECT (SELECT total(spent) FROM receipt) + (SELECT total(possibly_paid * reservation) FROM batch)",
      at: scene.ledgerPath)
    return sums.first?.first.flatMap { $0 }.flatMap(Double.init) ?? 0
  }

  /// What a reply's `usage` says of the tokens that are billed.
  enum Usage: CaseIterable, Sendable {
    case right, missing, zero, absurd, text, characters, words, tooLow, tooHigh, half

    func json(_ texts: [String], _ tokens: @Sendable (String) -> Int) -> String? {
      let real = texts.reduce(0) { $0 + tokens($1) }
      func told(_ count: String) -> String { "{\"prompt_tokens\":\(count),\"total_tokens\":\(count)}" }
      return switch self {
      case .right: told("\(real)")
      case .missing: nil
      case .zero: told("0")
      case .absurd: told(["2147483648", "-7", "1e300", "9223372036854775808"][real % 4])
      case .text: told("\"\(real)\"")
      case .characters: told("\(texts.reduce(0) { $0 + $1.unicodeScalars.count })")
      case .words: told("\(texts.reduce(0) { $0 + $1.split(separator: " ").count })")
      case .tooLow: told("\(max(texts.count, real / 5))")
      case .tooHigh: told("\(real * 2)")
      case .half: told("\(max(texts.count, real / 2))")
      }
    }
  }

  /// The server bills by cl100k_base itself, whatever it says; every other one is filled without its vocabulary, and
  /// with one request at a time.
  @Test(
    .enabled(if: Helper.vocabulary.isUsable, "\(Helper.vocabulary.missing)"),
    arguments: Array(Usage.allCases.enumerated()))
  func `whatever usage a provider tells, what it truly bills stays within the budget`(
    number: Int, usage: Usage
  ) async throws {
    let tokenizer = try #require(EstimateCommandTests.vocabulary)
    let isExact = number.isMultiple(of: 2) || usage == .half
    let chat = ["the order came late and the box was open", "是的，我明白你的意思", "🦊🦔 ok", "Das Paket ist nicht angekommen"]
    let texts = (0..<160).map { "\($0) \(chat[$0 % chat.count]) " + String(repeating: "again \($0) ", count: $0 % 9) }
    var options = EmbeddingsServer.Options()
    options.tokens = { tokenizer.count($0) }
    let price = 2.0
    let all = Double(texts.reduce(0) { $0 + tokenizer.count($1) }) * price / 1_000_000
    let budget = (all * 0.6 * 1e9).rounded() / 1e9
    let told: EmbeddingsServer.Behaviour = .distort(.usageOf { usage.json($0) { tokenizer.count($0) } })
    let rules: [EmbeddingsServer.Rule] = usage == .right ? [] : [.requests([3, 7], .resetAfterProcessing)]
    try await Scene.run(.sqlite, options, rules: rules + [.always(told)]) { scene in
      try await scene.database.insert(texts)
      try scene.write(
        spec: scene.spec.replacing("concurrency: 4", with: "concurrency: \(number % 4 < 2 ? 32 : 1)")
          .replacing("batch_size: 10", with: "batch_size: 3"))
      try Data(Self.catalogue(price, tokenizer: "cl100k_base").utf8)
        .write(to: URL(fileURLWithPath: scene.folder.file("models.yaml")))
      let arguments = ["--models", "models.yaml", "--budget", "\(Decimal(budget))"]
      let environment = ["VECFILL_DATA_DIR": isExact ? EstimateCommandTests.folder : scene.folder.file("none")]
      if usage != .right {
        let process = try scene.start(["run", "job.yaml"] + arguments, environment)
        try await scene.poll("requests or the end") { scene.server.record.requests.count >= 5 || !process.isRunning }
        process.send(SIGKILL)
        _ = await process.exit()
      }
      let exit = try await scene.fill(arguments, environment)
      #expect(exit.code == 82, "\(exit.errors)")
      let billed = Double(scene.server.record.billedTokens) * price / 1_000_000
      #expect(billed <= budget * (1 + 1e-9), "\(billed) of \(budget)")
      if usage == .right { #expect(billed >= budget * 0.9, "\(billed) of \(budget)") }
      print(
        "figure: usage \(usage), \(isExact ? "exact" : "estimated"): billed \((billed / budget * 1000).rounded() / 10) % of the budget"
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
