import Backfill
import Foundation
import TestSupport
import Testing

@testable import vecfill

/// What `vecfill check` tells of the provider, each finding from a real server's answers.
@Suite(.enabled(if: Helper.postgres.isUsable, "\(Helper.postgres.missing)"))
struct CheckProviderTests {
  /// A server of a model that no catalogue knows, whose tokens are words.
  private static func unknown(reads words: Int?, refusesAbove most: Int = .max) -> EmbeddingsServer.Options {
    var options = EmbeddingsServer.Options()
    options.model = "mystery/model-1"
    options.tokens = { $0.split(separator: " ").count }
    options.readsWords = words
    options.maxInputTokens = most
    return options
  }

  private static func scene(
    _ options: EmbeddingsServer.Options, rules: [EmbeddingsServer.Rule] = [], _ body: (Scene) async throws -> Void
  ) async throws {
    try await Scene.run(.sqlite, options, rules: rules) { scene in
      try scene.write(spec: scene.spec.replacing("text-embedding-3-small", with: options.model))
      try await body(scene)
    }
  }

  /// The requests that compare three texts alone with the same in one request, and the tokens of those texts.
  private static let together = 4
  private static let togetherTokens = 62

  /// What the words of the requests were, each text's.
  private static func sentTokens(_ scene: Scene) -> Int { scene.server.record.billedTokens }

  @Test(
    arguments: [256, 384, 510, 700, 2_048, 5_000, 8_191],
    [true, false])
  func `a silent cut of an unknown model is found, and the entry to paste names it`(limit: Int, tellsUsage: Bool)
    async throws
  {
    let rules: [EmbeddingsServer.Rule] = tellsUsage ? [] : [.always(.distort(.usage(nil)))]
    try await Self.scene(Self.unknown(reads: limit), rules: rules) { scene in
      let (told, exit) = try await scene.check()
      #expect(exit.code == 0, "\(exit.errors)")
      let line = try #require(told.lines("long texts").first)
      #expect(line.mark == "warning" && line.found.contains("cut silently"), "\(line)")
      #expect(Self.sentTokens(scene) <= CutSearch.mostTokens + 4)
      let entry = try #require(told.catalogueEntry)
      #expect(entry.hasPrefix("models:\n  - id: mystery/model-1\n    provider: openai\n    max_input_tokens: "))
      let named = try #require(entry.firstMatch(of: #/max_input_tokens: (\d+)/#).flatMap { Int($0.1) })
      // Never more than is read: a row between both would be cut without a word.
      #expect(tellsUsage ? named == limit : named <= limit && named > limit / 5, "\(entry)")
      // It is taken as it stands, and then only that limit is tried.
      try Data(entry.utf8).write(to: URL(fileURLWithPath: scene.folder.file("own.yaml")))
      let requests = scene.server.record.requests.count
      let again = try await scene.check(["--models", "own.yaml"])
      #expect(again.exit.code == 0, "\(again.exit.errors)")
      #expect(again.told.catalogueEntry == nil)
      #expect(scene.server.record.requests.count == requests + 4 + Self.together)
      let known = try #require(again.told.lines("long texts").first)
      #expect(known.mark == (tellsUsage ? "warning" : known.mark), "\(known)")
      #expect(known.found.contains(tellsUsage ? "behind \(limit.grouped) tokens" : "\(named.grouped)"), "\(known)")
    }
  }

  @Test func `a server that bills the whole text does not pass its length for what it read`() async throws {
    try await Self.scene(
      Self.unknown(reads: 700), rules: [.always(.distort(.usageOf { _ in #"{"prompt_tokens": 2304}"# }))]
    ) { scene in
      let told = try await scene.check().told
      #expect(told.lines("long texts").first?.mark == "warning", "\(told.checks)")
      #expect(told.catalogueEntry?.contains("max_input_tokens: 512 ") == true, "\(told)")
    }
  }

  @Test(arguments: [(400, 1), (1_500, 2), (9_000, 3)])
  func `a server that refuses long texts is good, and the limit that it has is to be named`(
    limit: Int, pairs: Int
  ) async throws {
    try await Self.scene(Self.unknown(reads: nil, refusesAbove: limit)) { scene in
      let (told, exit) = try await scene.check()
      #expect(exit.code == 0)
      let line = try #require(told.lines("long texts").first)
      #expect(line.mark == "warning" && line.found.hasPrefix("refused, not cut"), "\(line)")
      #expect(told.catalogueEntry == nil)
      // A refused text is the last one; each pair before it is two.
      #expect(scene.server.record.requests.count == 2 + Self.together + 2 * (pairs - 1) + 1)
    }
  }

  @Test func `a server that reads all is in order`() async throws {
    try await Self.scene(Self.unknown(reads: nil)) { scene in
      let told = try await scene.check().told
      #expect(told.mark("long texts") == "ok", "\(told.checks)")
      #expect(told.lines("long texts").first?.found.contains("after 8,192 tokens are read") == true)
      #expect(told.lines("cost").first?.found.contains("24,192 tokens at most: at an unknown price") == true)
      #expect(Self.sentTokens(scene) == 24_192 + 2 + Self.togetherTokens)
    }
  }

  @Test(arguments: [nil, 8_000])
  func `where the limit is known, only that one is tried`(reads: Int?) async throws {
    var options = Self.unknown(reads: reads, refusesAbove: 8_192)
    options.model = "text-embedding-3-small"
    try await Self.scene(options) { scene in
      let told = try await scene.check().told
      let line = try #require(told.lines("long texts").first)
      #expect(line.mark == (reads == nil ? "ok" : "warning"), "\(line)")
      #expect(line.found.hasPrefix(reads == nil ? "refused" : "cut silently"), "\(line)")
      #expect(scene.server.record.requests.count == (reads == nil ? 3 : 4) + Self.together)
      #expect(told.lines("cost").first?.found.contains("18,432 tokens at most: $0.000369") == true, "\(told.checks)")
    }
  }

  /// What the server does, the exit code, and words of the finding.
  static let refusals: [(EmbeddingsServer.Behaviour, Int32, [String])] = [
    (.respond(.error(401, type: "invalid_request_error", code: "invalid_api_key")), 77, ["API key"]),
    (.respond(.error(403, type: "x")), 77, ["rights to the model"]),
    (.respond(.error(404, type: "invalid_request_error", code: "model_not_found")), 78, ["model"]),
    (.respond(.error(429, type: "insufficient_quota", code: "insufficient_quota")), 82, ["credit"]),
    (.respond(.error(429, type: "requests", code: "rate_limit_exceeded")), 69, ["later"]),
    (.respond(.error(503, type: "server_error")), 69, ["again"]),
    (.respond(.error(500, type: "server_error")), 78, ["it answers nothing", "check the base URL, the key"]),
    (.distort(.notJSON), 65, ["base URL"]),
    (.distort(.dimensions(6)), 78, ["vectors have 6 dimensions, the job asks for 8", "set dimensions: 6"]),
    (.distort(.flawed(.zeros, where: { _ in true })), 65, ["all zeros"]),
    (.distort(.notFinite), 65, ["not finite"]),
  ]

  @Test(arguments: refusals.indices)
  func `what the provider refuses has its own code and advice, and the database is checked all the same`(
    index: Int
  ) async throws {
    let (behaviour, code, words) = Self.refusals[index]
    var options = EmbeddingsServer.Options()
    options.model = "text-embedding-3-small"
    try await Scene.run(.sqlite, options, rules: [.always(behaviour)]) { scene in
      let (told, exit) = try await scene.check()
      #expect(exit.code == code, "\(exit.output)")
      let line = try #require(told.lines("embedding").first)
      #expect(line.mark == "failed", "\(line)")
      for word in words { #expect("\(line.found) \(line.next ?? "")".contains(word), "\(line)") }
      #expect(told.mark("table") == "ok")
      #expect(told.lines("long texts").isEmpty)
    }
  }

  @Test func `a server that calls its model otherwise is quoted`() async throws {
    try await Scene.run(.sqlite, rules: [.always(.distort(.model("another")))]) { scene in
      let told = try await scene.check().told
      let line = try #require(told.lines("embedding").first)
      #expect(line.mark == "ok" && line.found.contains("which calls itself another,"), "\(line)")
    }
  }

  @Test func `a server that is away is told with its address`() async throws {
    try await Scene.run(.sqlite) { scene in
      scene.server.leave()
      let (told, exit) = try await scene.check()
      #expect(exit.code == 78, "\(exit.output)")
      #expect(told.lines("embedding").first?.found.contains(scene.server.root) == true, "\(told.checks)")
    }
  }

  @Test func `a key that is missing is told without asking anybody`() async throws {
    try await Scene.run(.sqlite) { scene in
      let (told, exit) = try await scene.check([], ["OPENAI_API_KEY": nil, "OPENAI_BASE_URL": nil])
      #expect(exit.code == 78, "\(exit.output)")
      let line = try #require(told.lines("key").first { $0.about == "provider" })
      #expect(line.mark == "failed" && line.found.contains("OPENAI_API_KEY"), "\(line)")
    }
  }

  @Test func `an outage midway is a warning: nothing is known of long texts then`() async throws {
    try await Self.scene(
      Self.unknown(reads: nil), rules: [.requests(7..<11, .respond(.error(503, type: "server_error")))]
    ) {
      scene in
      let (told, exit) = try await scene.check()
      #expect(exit.code == 0)
      #expect(
        told.lines("long texts").first?.found.contains("could not be tried at 512 tokens") == true, "\(told.checks)")
    }
  }

  @Test func `limits in the headers are told, and whether the job's own are higher`() async throws {
    var options = EmbeddingsServer.Options()
    options.headers = [("x-ratelimit-limit-requests", "3000"), ("x-ratelimit-limit-tokens", "1000000")]
    try await Scene.run(.sqlite, options) { scene in
      let told = try await scene.check().told
      let line = try #require(told.lines("limits").first)
      #expect(line.found == "3,000 requests/min, 1,000,000 tokens/min: less than the job's own, and a run keeps to it")
      try scene.write(spec: scene.unlimitedSpec)
      #expect(try await scene.check().told.lines("limits").first?.found == "3,000 requests/min, 1,000,000 tokens/min")
    }
  }

  @Test(arguments: [0, 1])
  func `neither key nor password nor a row's text is told`(_ fault: Int) async throws {
    let database = try await PostgresCluster.shared(.eighteen).freshDatabase()
    try await database.run(
      """
      CREATE TABLE m (id bigint PRIMARY KEY, content text, embedding vector(8));
      INSERT INTO m SELECT n, '\(Canary.mark) ' || n FROM generate_series(1, 3) AS n
      """)
    let url = database.url.replacing("postgres@", with: "postgres:\(CanaryTests.encodedPassword)@")
    let rule = EmbeddingsServer.Rule.when(
      { fault == 1 }, .respond(.error(401, type: "x", message: "Incorrect API key: \(Canary.key)")))
    try await OddDatabaseTests.scene(url, rules: [rule]) { scene, place in
      let place = place.merging(["OPENAI_API_KEY": Canary.key]) { $1 }
      let commands = [["check", "job.yaml"], ["check", "job.yaml", "--json"], ["check", "job.yaml", "--offline"]]
      try await CanaryTests.expectSilence(scene, commands, place, codes: [0, 77])
      let spec = try String(contentsOfFile: scene.folder.file("job.yaml"), encoding: .utf8)
      for (number, condition) in CanaryTests.conditions.enumerated() where number % 3 == 0 {
        try scene.write(spec: spec.replacing("  - table: m\n", with: "  - table: m\n    where: \"\(condition)\"\n"))
        try await CanaryTests.expectSilence(scene, [["check", "job.yaml"]], place)
      }
    }
  }
}
