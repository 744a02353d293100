import Backfill
import Foundation
import Ledger
import TestSupport
import Testing
import Tokenizer

/// A provider with a tokenizer of its own that makes 1.4 times the tokens that are estimated here, with the real process.
@Suite struct BilledRatioTests {
  static let billed = 1.4
  static let texts = (0..<400).map { "message \($0) " + String(repeating: "of some more words ", count: 15 + $0 % 20) }

  private static func scene(
    _ options: EmbeddingsServer.Options = EmbeddingsServer.Options(), limit: String = "",
    rules: [EmbeddingsServer.Rule] = [],
    _ body: (Scene) async throws -> Void
  ) async throws {
    var options = options
    options.tokens = { Int((Double(TokenEstimator().estimate($0)) * billed).rounded()) }
    try await Scene.run(.sqlite, options, rules: rules) { scene in
      try scene.write(spec: scene.unlimitedSpec + limit)
      try scene.writeCatalogue(usdPerMillionTokens: 2)
      try await scene.database.insert(texts)
      try await body(scene)
    }
  }

  private static func summary(_ exit: VecfillProcess.Exit) throws -> [String: Any] {
    let line = try #require(exit.output.split(separator: "\n").last)
    return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  @Test func `the ratio of billed and estimated tokens is told, and known to the next run`() async throws {
    try await Self.scene { scene in
      let exit = try await scene.fill(["--models", "models.yaml"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try #require(exit.output.firstMatch(of: #/(1\.\d\d) billed for 1 estimated/#)).1.hasPrefix("1.4"))
      let tally = try #require(try await scene.status()?.tally)
      #expect(tally.billedTokens == scene.server.record.billedTokens)
      #expect(abs(try #require(tally.billedPerEstimated) - Self.billed) < 0.02)

      try await scene.database.insert(["one more"])
      let next = try await scene.fill(["--models", "models.yaml", "--log-format", "json"])
      #expect(next.code == 0, "\(next.errors)")
      // One reply of a few words alone would not have brought it there.
      let ratio = try #require(try Self.summary(next)["tokens_billed_per_estimated"] as? Double)
      #expect(abs(ratio - Self.billed) < 0.05, "\(ratio)")
    }
  }

  @Test(arguments: [
    EmbeddingsServer.Distortion.usage(nil), .usageOf { "{\"prompt_tokens\":\($0.joined().utf8.count)}" },
  ])
  func `replies that don't bill by tokens correct nothing`(_ usage: EmbeddingsServer.Distortion) async throws {
    try await Self.scene(rules: [.always(.distort(usage))]) { scene in
      let exit = try await scene.fill(["--models", "models.yaml", "--log-format", "json"])
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(try Self.summary(exit)["tokens_billed_per_estimated"] is NSNull)
    }
  }

  /// The provider keeps to the very limit that the job knows: by the estimate alone two of seven requests would be above it.
  @Test func `tokens a minute are kept by what is billed, and not by the estimate`() async throws {
    var options = EmbeddingsServer.Options()
    options.quota = ProviderQuota(requestsPerMinute: 1_000_000, tokensPerMinute: 480_000, burst: .seconds(2))
    options.headers = []
    try await Self.scene(options, limit: "\nlimits: {requests_per_minute: 1000000, tokens_per_minute: 480000}\n") {
      scene in
      let exit = try await scene.fill(["--models", "models.yaml"])
      #expect(exit.code == 0, "\(exit.errors)")
      let tally = try #require(try await scene.status()?.tally)
      #expect(Double(tally.billedTokens) > 1.35 * Double(tally.estimatedTokens))
      #expect(tally.billedTokens > 40_000, "enough for the limit to bind")
      #expect(scene.server.throttled <= 2, "\(scene.server.throttled) of \(scene.server.record.requests.count)")
      print("figure: \(scene.server.throttled) of \(scene.server.record.requests.count) requests above the limit")
    }
  }

  @Test(arguments: [0.2, 0.5, 0.9]) func `a budget is never passed by tokens that were not expected`(share: Double)
    async throws
  {
    try await Self.scene { scene in
      let all = Double(Self.texts.reduce(0) { $0 + scene.server.options.tokens($1) }) * 2 / 1_000_000
      let budget = all * share
      for _ in 0..<2 {
        let exit = try await scene.fill([
          "--models", "models.yaml", "--budget", "\(Decimal((budget * 1e6).rounded() / 1e6))",
        ])
        #expect(exit.code == 82, "\(exit.errors)")
      }
      let billed = Double(scene.server.record.billedTokens) * 2 / 1_000_000
      #expect(billed <= budget * 1.0001 && billed > 0.9 * budget, "\(billed) of \(budget)")
    }
  }
}
