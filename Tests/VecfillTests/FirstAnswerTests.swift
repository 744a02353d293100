import Backfill
import Foundation
import TestSupport
import Testing

/// What can't pass before the first answer is told within seconds, with the URL that was called; after an answer the
/// outage that is allowed holds.
@Suite struct FirstAnswerTests {
  /// A tenth of the outage that is allowed after an answer, and many times what it takes by itself: the tests run side
  /// by side.
  static let soon: Duration = .seconds(60)
  /// More requests than that would be a wait for the provider.
  static let mostRequests = 12

  @Test(arguments: [
    ("http://no-such-host.invalid/v1", "no address is known for no-such-host.invalid"),
    ("http://127.0.0.1:1/v1", "connection refused"), ("https://127.0.0.1:1/v1", "connection refused"),
    ("http://[::1]:1/v1", "connection refused"), ("http://localhost:1/v1", "connection refused"),
  ])
  func `a host or a port that isn't there is told at once`(_ url: String, _ told: String) async throws {
    try await Scene.run(.sqlite) { scene in
      try await expect(scene, rows: 60, 78, told: [told, url + "/embeddings"], ["OPENAI_BASE_URL": url])
    }
  }

  @Test(arguments: [
    ("https", "127.0.0.1", "ca_file"), ("https", "127.0.0.2", "ca_file"), ("http", "127.0.0.1", "https"),
  ])
  func `a certificate that nobody vouches for, and plain http to a port of TLS, are told at once`(
    _ scheme: String, _ subject: String, _ told: String
  ) async throws {
    try await Scene.run(.sqlite) { scene in
      let (key, certificate) = (scene.folder.file("key.pem"), scene.folder.file("certificate.pem"))
      try await ServerProcess.run(
        "sh", "-c",
        """
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout '\(key)' -out '\(certificate)' \
          -subj /CN=vecfill-test -addext subjectAltName=IP:\(subject) -days 2 && echo made
        """
      ) { _ = try await $0.prints("made") }
      try await ServerProcess.run(
        "openssl", "s_server", "-accept", "127.0.0.1:0", "-key", key, "-cert", certificate
      ) { server in
        let greeting = try await server.prints("ACCEPT 127.0.0.1:")
        let match = greeting.firstMatch(of: /ACCEPT 127.0.0.1:(\d+)\s/)
        let port = try #require(match.flatMap { Int($0.1) })
        let url = "\(scheme)://127.0.0.1:\(port)/v1"
        try await expect(scene, rows: 60, 78, told: [told, url + "/embeddings"], ["OPENAI_BASE_URL": url])
        #expect(!server.printed.contains("message 1"))
      }
    }
  }

  @Test func `https to a port of plain http is told at once`() async throws {
    try await Scene.run(.sqlite) { scene in
      let url = "https://127.0.0.1:\(scene.server.port)/v1"
      try await expect(scene, rows: 60, 78, told: ["doesn't speak TLS", url], ["OPENAI_BASE_URL": url])
      #expect(scene.server.record.acceptedConnections > 0)
      #expect(scene.server.record.requests.isEmpty)
    }
  }

  struct Refusal: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let response: EmbeddingsServer.Response
    let code: Int32
    /// What the server says, which is to be shown.
    let sentence: String

    init(_ name: String, _ response: EmbeddingsServer.Response, _ code: Int32, _ sentence: String) {
      testDescription = name
      self.response = response
      self.code = code
      self.sentence = sentence
    }

    static func json(_ status: Int, _ sentence: String, _ code: Int32, in name: String = "message") -> Refusal {
      Refusal(
        "\(status) \(name)", .init(status, body: #"{"\#(name)":"\#(sentence)","code":"x"}"#), code, sentence)
    }
  }

  static let refusals: [Refusal] = [
    Refusal(
      "500 text/plain", .init(500, headers: [("Content-Type", "text/plain")], body: "missing key"), 78, "missing key"),
    Refusal("500 text/plain, another", .init(500, body: "no upstream configured"), 78, "no upstream configured"),
    Refusal("500 HTML", .page(500, "Application error"), 78, "Application error"),
    Refusal("500 JSON", .error(500, type: "x", message: "No api key passed in."), 78, "No api key passed in."),
    Refusal("501", .init(501, body: "embeddings are off"), 78, "embeddings are off"),
    Refusal("404 FastAPI", .init(404, body: #"{"detail":"Not Found"}"#), 78, "Not Found"),
    Refusal("404 nginx", .page(404, "404 Not Found"), 78, "404 Not Found"),
    Refusal("405", .init(405, body: "Method Not Allowed"), 78, "Method Not Allowed"),
    Refusal("406", .page(406, "Not Acceptable"), 78, "Not Acceptable"),
    Refusal("451", .init(451, body: "not in your country"), 78, "not in your country"),
    Refusal("403 HTML", .page(403, "Attention Required"), 77, "Attention Required"),
    Refusal("400 unknown", .init(400, body: #"{"error":"tenant is unknown here"}"#), 65, "tenant is unknown here"),
    Refusal("200 HTML", .page(200, "Log in"), 65, "Log in"),
    Refusal(
      "200 with an error", .init(200, body: #"{"error":{"message":"model is loading"}}"#), 65, "model is loading"),
  ]

  @Test(arguments: refusals, [1, 60])
  func `what a harmless text gets too is told with the server's sentence`(_ refusal: Refusal, rows: Int) async throws {
    try await Scene.run(.sqlite, rules: [.always(.respond(refusal.response))]) { scene in
      let url = scene.server.root + "/v1/embeddings"
      try await expect(
        scene, rows: rows, refusal.code,
        told: [#"the server says: "\#(refusal.sentence)""#, url, "\(refusal.response.status)"])
      #expect(scene.server.record.requests.contains { $0.digests == [.init(of: "vecfill")] })
      #expect(try await scene.start(["quarantine", "list"]).exit().output == "no row is in quarantine\n")
    }
  }

  /// What the provider does to every request, the exit code, and what to do.
  static let constant: [(name: String, fault: EmbeddingsServer.Behaviour, code: Int32, next: String)] = [
    ("500", .respond(.init(500)), 78, "check the base URL, the key and that the server runs"),
    ("501", .respond(.init(501)), 78, "check the base URL, the key and that the server runs"),
    ("503", .respond(.init(503)), 69, "run the same command again"),
    ("a reset", .resetBeforeProcessing, 78, "check the base URL, the key and that the server runs"),
    ("404", .respond(.init(404)), 78, "base URL"), ("401", .respond(.init(401)), 77, "check the API key"),
  ]

  @Test(arguments: constant)
  func `a check, a search, a comparison and a run of a provider that only fails end alike`(
    provider: (name: String, fault: EmbeddingsServer.Behaviour, code: Int32, next: String)
  ) async throws {
    let failing = Locked(false)
    try await Scene.run(.sqlite, rules: [.when({ failing.withLock { $0 } }, provider.fault)]) { scene in
      try await scene.database.insert(["one"])
      #expect(try await scene.fill().code == 0)
      try await scene.database.insert(["two"])
      failing.withLock { $0 = true }
      let commands = [
        ["check", "job.yaml"], ["search", "one", "job.yaml"], ["verify", "job.yaml", "--yes"],
        // What may pass is waited for as long as is allowed.
        ["run", "job.yaml"] + (provider.name == "503" ? ["--max-outage", "2"] : []),
      ]
      for command in commands {
        let exit = try await scene.start(command).exit()
        let told = (exit.output + exit.errors).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(exit.code == provider.code, "\(command): \(told)")
        #expect(told.contains(provider.next), "\(command): \(told)")
        #expect(!told.contains("again to go on"), "\(command): \(told)")
      }
    }
  }

  static let credentials: [Refusal] = [
    Refusal(
      "OpenAI", .error(401, type: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key"), 77,
      ""),
    .json(401, "invalid api token", 77), .json(401, "Unauthorized", 77, in: "detail"),
    .json(401, "no such token", 77, in: "error"), .json(400, "API key not valid. Please pass a valid API key.", 77),
    Refusal("plain", .init(401, body: "Unauthorized"), 77, ""), Refusal("none", .init(401), 77, ""),
    Refusal("HTML", .page(401, "401 Authorization Required"), 77, ""),
  ]

  @Test(arguments: credentials)
  func `a key that is refused is told at once`(_ refusal: Refusal) async throws {
    try await Scene.run(.sqlite, rules: [.always(.respond(refusal.response))]) { scene in
      try await expect(
        scene, rows: 60, 77, told: ["credential", "check the API key", scene.server.root + "/v1/embeddings"])
      #expect(scene.server.record.requests.count <= 4)
    }
  }

  @Test(arguments: ["", "/v2", "/api"])
  func `a base URL with another path is told with what to look at`(_ path: String) async throws {
    let response = EmbeddingsServer.Response(404, body: #"{"detail":"Not Found"}"#)
    try await Scene.run(.sqlite, rules: [.always(.respond(response))]) { scene in
      let url = scene.server.root + path
      let hint = path == "/v2" ? "check the base URL and the model's name" : "does the base URL need /v1?"
      try await expect(scene, rows: 60, 78, told: [hint, url + "/embeddings"], ["OPENAI_BASE_URL": url])
    }
  }

  /// How often the provider fails in a row: more often than would end a run before its first answer, and not more than
  /// that, because each wait is twice the one before.
  static let outages: [(name: String, fault: EmbeddingsServer.Behaviour, times: Int)] = [
    ("503", .respond(.init(503)), 7), ("500", .respond(.init(500)), 7), ("a reset", .resetBeforeProcessing, 9),
  ]

  @Test(arguments: outages)
  func `a provider that goes down after answers is waited for`(
    outage: (name: String, fault: EmbeddingsServer.Behaviour, times: Int)
  ) async throws {
    try await Scene.run(.sqlite, rules: [.requests(2..<2 + outage.times, outage.fault)]) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(scene.server.record.requests.count >= 6 + outage.times, "the fault never happened")
      #expect(try await scene.wrongRows() == [])
    }
  }

  @Test func `a server that starts up is waited for`() async throws {
    try await Scene.run(.sqlite, rules: [.first(7, .respond(.init(503, body: "loading the model")))]) { scene in
      try await scene.database.insert((0..<60).map { "message \($0)" })
      let exit = try await scene.fill()
      #expect(exit.code == 0, "\(exit.errors)")
      #expect(scene.server.record.requests.count >= 13)
    }
  }

  private func expect(
    _ scene: Scene, rows: Int, _ code: Int32, told: [String], _ changes: [String: String?] = [:]
  ) async throws {
    try await scene.database.insert((0..<rows).map { "message \($0)" })
    let clock = ContinuousClock()
    let start = clock.now
    let exit = try await scene.fill([], changes)
    let took = clock.now - start
    #expect(took < Self.soon, "\(took)")
    #expect(scene.server.record.requests.count <= Self.mostRequests)
    #expect(exit.code == code, "\(exit.errors)")
    let last = exit.errors.split(separator: "\n").last { $0.hasPrefix("vecfill: ") || $0.contains("error") } ?? ""
    for told in told { #expect(last.contains(told), "\(exit.errors)") }
    #expect(!exit.errors.contains("message 1") && !exit.errors.contains("sk-test"), "\(exit.errors)")
    #expect(try await scene.database.count("embedding IS NULL") == rows)
    if ProcessInfo.processInfo.environment["VECFILL_TEST_SHOW"] != nil {
      print("show: \(exit.code ?? -1) after \(took)\n\(exit.errors)")
    }
  }
}
