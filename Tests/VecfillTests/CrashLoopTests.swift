import Backfill
import Foundation
import Ledger
import TestSupport
import Testing

/// A real process that is killed again and again, and a limit a minute.
@Suite struct CrashLoopTests {
  static func spec(_ limits: String) -> String {
    """
    sources:
      - table: chat_messages
    model: text-embedding-3-small
    dimensions: 8
    batch_size: 5
    concurrency: 4
    \(limits)
    """
  }

  /// Kills a run again and again until so long has passed, each as soon as it was seen to send; returns the kills.
  static func loop(_ scene: Scene, for time: Duration) async throws -> Int {
    let end = ContinuousClock.now + time
    var kills = 0
    while ContinuousClock.now < end {
      let seen = scene.server.record.requests.count
      let process = try scene.start(["run", "job.yaml"])
      // A run that has to wait at its start is killed as well.
      let patience = ContinuousClock.now + .seconds(2)
      try await scene.poll("a request") {
        scene.server.record.requests.count > seen || ContinuousClock.now > patience || !process.isRunning
      }
      process.send(SIGKILL)
      if await process.exit().signal == SIGKILL { kills += 1 }
    }
    return kills
  }

  @Test(arguments: [true, false])
  func `a crash loop keeps to the limit, whether the job sets it or the provider tells it`(isOwn: Bool) async throws {
    var options = EmbeddingsServer.Options()
    if !isOwn { options.headers = [("x-ratelimit-limit-requests", "60"), ("x-ratelimit-limit-tokens", "1000000")] }
    try await Scene.run(.sqlite, options) { scene in
      try scene.write(spec: Self.spec(isOwn ? "limits:\n  requests_per_minute: 60" : ""))
      try await scene.database.insert((0..<1_000).map { "message \($0)" })
      if !isOwn {
        // What the provider tells is known once an answer is in the ledger.
        let process = try scene.start(["run", "job.yaml"])
        try await scene.wait { $0.totals.billedTokens > 0 }
        process.send(SIGKILL)
        _ = await process.exit()
      }
      let kills = try await Self.loop(scene, for: .seconds(12))
      let requests = scene.server.record.requests
      let first = try #require(requests.first).time
      let duration = try #require(requests.last).time - first
      // One at once, then one a second; a wait is cut short by no restart.
      let allowed = 2 + Int(duration / .seconds(1))
      print(
        "figure: crash loop, limit \(isOwn ? "set" : "told"): \(kills) kills, \(requests.count) requests in \(duration)"
      )
      #expect(kills >= 5)
      #expect(requests.count <= allowed)
      #expect(requests.count >= allowed / 2)
    }
  }

  @Test func `requests that are refused and sent again count as well`() async throws {
    let refusal = EmbeddingsServer.Response.error(500, type: "server_error")
    try await Scene.run(.sqlite, rules: [.always(.respond(refusal))]) { scene in
      try scene.write(spec: Self.spec("limits:\n  requests_per_minute: 60"))
      try await scene.database.insert((0..<1_000).map { "message \($0)" })
      let kills = try await Self.loop(scene, for: .seconds(8))
      let requests = scene.server.record.requests
      let duration = try #require(requests.last).time - (try #require(requests.first).time)
      print("figure: crash loop, all refused: \(kills) kills, \(requests.count) requests in \(duration)")
      #expect(kills >= 3)
      #expect(requests.count <= 2 + Int(duration / .seconds(1)))
    }
  }
}
