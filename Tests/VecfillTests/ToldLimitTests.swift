import Backfill
import Foundation
import TestSupport
import Testing

/// Limits that a provider's headers tell, through the real process.
@Suite struct ToldLimitTests {
  struct Told: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let headers: [String: String]
    /// What the last line says where the run ends; nil where it completes.
    let line: String?

    init(_ headers: [String: String], _ line: String? = nil) {
      testDescription = headers.map { "\($0): \($1)" }.sorted().joined(separator: ", ")
      self.headers = headers
      self.line = line
    }
  }

  static let told: [Told] = [
    Told(
      ["limit-requests": "1"],
      "a limit of 1 request a minute (by x-ratelimit-limit-requests, or the words of a refusal)"),
    Told(["limit-requests": "1", "remaining-requests": "0", "reset-requests": "72h0m0s"], "1 request a minute"),
    Told(
      ["limit-tokens": "1"], "a limit of 1 token a minute (by x-ratelimit-limit-tokens, or the words of a refusal)"),
    Told(["limit-tokens": "9", "remaining-tokens": "-400"], "a limit of 9 tokens a minute"),
    Told(["limit-project-tokens": "2", "limit-tokens": "1000000"], "a limit of 2 tokens a minute"),
    Told(["remaining-requests": "0", "reset-requests": "6h0m0s"]),
    Told(["limit-requests": "3000", "remaining-requests": "0", "reset-requests": "3d"]),
    Told(["limit-requests": "3000", "remaining-requests": "0", "reset-requests": "20ms"]),
    Told(["limit-requests": "-1", "limit-tokens": "0", "remaining-requests": "-9", "reset-tokens": "-3s"]),
    Told(["limit-requests": "many", "remaining-tokens": "1e9", "reset-requests": "soon"]),
    Told(["limit-requests": "99999999999999999999", "limit-tokens": "9223372036854775807"]),
  ]

  static func named(_ headers: [String: String]) -> [(name: String, value: String)] {
    headers.map { ("x-ratelimit-\($0.key)", $0.value) }
  }

  @Test(arguments: told) func `no limit makes a run wait for longer than its patience`(_ told: Told) async throws {
    var options = EmbeddingsServer.Options()
    options.headers = Self.named(told.headers)
    try await Scene.run(.sqlite, options) { scene in
      try scene.write(spec: scene.unlimitedSpec)
      try await scene.database.insert((0..<60).map { "message \($0)" })
      let began = ContinuousClock.now
      let exit = try await scene.fill(["--max-outage", "20"])
      #expect(began.duration(to: .now) < .seconds(20))
      guard let line = told.line else {
        #expect(exit.code == 0, "\(exit.errors)")
        #expect(try await scene.wrongRows() == [])
        return
      }
      #expect(exit.code == 69, "\(exit.errors)")
      #expect(exit.errors.contains(line) && exit.errors.contains("--max-outage is 20 s"), "\(exit.errors)")
      // What was answered is written.
      #expect(try await scene.database.count("embedding IS NOT NULL") == scene.server.record.billed.count)
      #expect(scene.server.record.billedTwice == 0)
    }
  }

  @Test(arguments: [["remaining-requests": "0", "reset-requests": "3d"], ["retry-after": "259200"]])
  func `a refusal that tells an end of days ends the run at once`(headers: [String: String]) async throws {
    let named = headers.map { ($0.key == "retry-after" ? "Retry-After" : "x-ratelimit-\($0.key)", $0.value) }
    let refusal = EmbeddingsServer.Response.error(429, type: "requests", headers: named)
    try await Scene.run(.sqlite, rules: [.requests(2..<100, .respond(refusal))]) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      let began = ContinuousClock.now
      let exit = try await scene.fill()
      #expect(began.duration(to: .now) < .seconds(20))
      #expect(exit.code == 69, "\(exit.errors)")
      #expect(exit.errors.contains("it asks to wait 259200 s"), "\(exit.errors)")
    }
  }

  @Test func `a text above the job's own tokens a minute is in quarantine, and the others are filled`() async throws {
    try await Scene.run(.sqlite) { scene in
      try scene.write(spec: scene.unlimitedSpec + "\nlimits:\n  tokens_per_minute: 600\n")
      try await scene.database.insert((0..<10).map { "message \($0)" } + [String(repeating: "word ", count: 700)])
      let exit = try await scene.fill(["--max-outage", "5"])
      #expect(exit.code == 83, "\(exit.errors)")
      #expect(try await scene.database.count("embedding IS NOT NULL") == 10)
      let list = try await scene.start(["quarantine", "list"]).exit()
      #expect(list.output.contains("more than limits.tokens_per_minute, 600"), "\(list.output)")
    }
  }
}
