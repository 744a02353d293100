import Foundation
import TestSupport
import Testing

/// Four processes under one limit that the server enforces, in real time: run by `scripts/chaos share` alone.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["VECFILL_CHAOS"] == "share"))
struct ShareLimitTests {
  @Test(arguments: [(4, "requests"), (4, "tokens"), (1, "requests")])
  func `one limit is used to 95 percent by all, and next to nothing refused`(
    processes count: Int, binding: String
  ) async throws {
    var options = EmbeddingsServer.Options()
    options.quota = ProviderQuota(requestsPerMinute: 3_000, tokensPerMinute: 1_000_000, burst: .seconds(2))
    options.latency = .longTailed(median: 0.15, slow: 0.6)
    try await Scene.run(.postgres16, options) { scene in
      let share = ShareScene(scene: scene)
      let size = binding == "requests" ? 3 : 50
      let rows = (binding == "requests" ? 14_500 : 34_000) / count
      for number in 0..<count {
        try await share.make(
          number, rows: rows, text: String(repeating: "x", count: 184),
          spec: """
            batch_size: \(size)
            concurrency: 32
            limits: {requests_per_minute: 3000, tokens_per_minute: 1000000}
            """)
      }
      var running = try (0..<count).map { try share.start($0) }
      if count > 1 {
        try await scene.poll("requests") { scene.server.record.requests.count > 500 }
        running[0].send(SIGKILL)
        _ = await running[0].exit()
        running[0] = try share.start(0)
      }
      for process in running {
        let exit = await process.exit()
        #expect(exit.code == 0, "\(exit.errors)")
      }
      let requests = scene.server.record.requests
      let first = try #require(requests.first).time + .seconds(5)
      let counted = requests.filter { (first..<first + .seconds(60)).contains($0.time) }
      let used =
        binding == "requests"
        ? Double(counted.count) / 3_000 : Double(counted.reduce(0) { $0 + $1.tokens }) / 1_000_000
      let refused = Double(scene.server.throttled) / Double(requests.count)
      print(
        "figure: \(count) processes, \(binding) bind: used \(used), 429s \(refused), \(requests.count) requests, most in 60 s \(share.most(in: 60))"
      )
      #expect(used >= 0.95)
      #expect(refused <= 0.005)
      for number in 0..<count { #expect(try await share.wrongRows(number) == 0) }
    }
  }
}
