import Foundation
import TestSupport
import Testing

/// Two minutes under limits that the server enforces, in real time: run by `scripts/chaos limits` alone.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["VECFILL_CHAOS"] == "limits"))
struct ProviderLimitTests {
  @Test(arguments: ["requests", "tokens"], [true, false])
  func `the limit that binds is used to 95 percent, and next to nothing refused`(binding: String, isKnown: Bool)
    async throws
  {
    var options = EmbeddingsServer.Options()
    options.quota = ProviderQuota(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000)
    options.latency = .longTailed(median: 0.15, slow: 0.6)
    try await Scene.run(.sqlite, options) { scene in
      let size = binding == "requests" ? 3 : 50
      let limits = isKnown ? "limits: {requests_per_minute: 3000, tokens_per_minute: 1000000}\n" : ""
      try scene.write(
        spec: """
          sources:
            - table: chat_messages
          model: text-embedding-3-small
          dimensions: 8
          batch_size: \(size)
          concurrency: 32
          \(limits)
          """)
      let rows = binding == "requests" ? 19_000 : 42_000
      try await scene.database.insert((0..<rows).map { "message \($0) " + String(repeating: "x", count: 184) })
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      let requests = scene.server.record.requests
      let first = try #require(requests.first).time + (isKnown ? .zero : .seconds(10))
      let counted = requests.filter { (first..<first + .seconds(110)).contains($0.time) }
      let perMinute = 60.0 / 110
      let used =
        binding == "requests"
        ? Double(counted.count) * perMinute / 3_000
        : Double(counted.reduce(0) { $0 + $1.tokens }) * perMinute / 1_000_000
      let refused = Double(scene.server.throttled) / Double(requests.count)
      print(
        "figure: \(binding) bind, limits \(isKnown ? "known" : "unknown"): used \(used), 429s \(refused), \(requests.count) requests"
      )
      #expect(used >= 0.95)
      #expect(refused <= 0.001)
    }
  }
}
