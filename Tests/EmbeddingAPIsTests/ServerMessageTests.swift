import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// What a server said, and what of it may be told.
@Suite(.timeLimit(.minutes(1)))
struct ServerMessageTests {
  static let key = "sk-proj-abcdefghijklmnop1234"

  @Test(
    arguments: [
      (500, "missing key", "missing key"), (500, "  missing\r\n\tkey\u{0}\u{1B}[31m ", "missing key [31m"),
      (403, "<html><head><title>Request\n blocked</title></head><body>Ray 7</body></html>", "Request blocked"),
      (502, "<html><body><h1>Bad &amp; <b>gone</b></h1><script>x()</script></body></html>", "Bad & gone"),
      (400, #"{"error":{"message":"no","type":"x"}}"#, "no"), (400, #"{"error":"none left"}"#, "none left"),
      (400, #"{"detail":[{"loc":["body","input"],"msg":"Field required","input":{"a":"private"}}]}"#, "Field required"),
      (
        500, #"{"status":500,"error":"Internal Server Error","message":"missing key"}"#,
        "missing key Internal Server Error"
      ),
      (418, #"{"oops":1}"#, nil), (500, "", nil), (500, "\n", nil),
      (401, "Incorrect API key provided: \(key).", "Incorrect API key provided: …."),
      (401, "use Bearer abc.def or sk-other1234567890", "use Bearer … or …"),
      (400, "https://gateway/v1?key=AIzaSyA1234567890&x=1 refused", "https://gateway/v1?key=…&x=1 refused"),
      (400, "part of it: abcdefghijklmnop", "part of it: …"), (400, key, nil),
      (
        401, #"{"error":{"message":"Incorrect API key provided: sk-proj-****1234."}}"#, "Incorrect API key provided: …."
      ),
      (400, "key=abcdefghijklmnop&key2=[abcdefgh]", "key=…&key2=[…]"),
      (400, "paragraph-2-of-the-text", "paragraph-2-of-the-text"),
      (500, String(repeating: "long ", count: 1_000), String(repeating: "long ", count: 59) + "long…"),
    ] as [(Int, String, String?)])
  func `the server's sentence is told on one line, without the key`(
    _ status: Int, _ body: String, _ message: String?
  ) async throws {
    let failure = try await failure(.init(status, body: body), text: "vecfill")
    #expect(failure.serverMessage == message)
    #expect(failure.address?.hasSuffix("/v1/embeddings") == true)
  }

  @Test(arguments: [200, 400, 403, 418, 429, 500], ["my diary of today", "DIARY-1234", "diary"])
  func `nothing but the server's message tells of the texts, and nothing at all of the key`(
    _ status: Int, _ text: String
  ) async throws {
    let words = [
      text, text.uppercased(), "pre-\(text)-post".replacing(" ", with: "_"), Self.key, "abcdefghijklmnop",
      "x\(Self.key)",
    ]
    for word in words {
      let body =
        #"{"error":{"message":"\#(text) \#(word) \#(Self.key)","type":"\#(word)","code":"\#(word)","param":"\#(text)"}}"#
      let response = EmbeddingsServer.Response(status, headers: [("x-request-id", word)], body: body)
      var failure = try await failure(response, text: text)
      #expect(!Self.dumped(failure).contains(Self.key))
      #expect(!Self.dumped(failure).contains("abcdefghijklmnop"))
      failure.serverMessage = nil
      #expect(!Self.dumped(failure).lowercased().contains(text.lowercased()), "\(word)")
    }
  }

  @Test(arguments: ["sk-proj-abcdefghijklmnop1234", "diary", "req-diary", "with space", "a\u{7}b"])
  func `a request's id that tells the key or a text is not kept of an answer either`(_ id: String) async throws {
    var options = EmbeddingsServer.Options()
    options.apiKey = Self.key
    let body = #"{"data":[{"index":0,"embedding":[1,2]}],"model":"text-embedding-3-small"}"#
    let response = EmbeddingsServer.Response(200, headers: [("apim-request-id", id)], body: body)
    // The server's own id comes first, and has none of it.
    try await EmbeddingsServer.run(options, rules: [.always(.respond(response))]) { server in
      let reply = try await server.embedder { $0.dimensions = 2 }.embed(["my diary"])
      #expect(reply.requestID == "req_0")
    }
    let redaction = Redaction(texts: ["diary", "more"], key: Self.key)
    #expect(redaction.shown(id) == nil)
    #expect(redaction.shown("req_0") == "req_0")
  }

  @Test func `a code that is the error's own is told`() async throws {
    let failure = try await failure(.error(400, type: "invalid_request_error", code: "too_odd"), text: "a text")
    #expect(failure.code == "too_odd")
    #expect(failure.requestID == "req_0")
  }

  /// A text in a table of support tickets can say what a provider says, and the provider may quote it.
  @Test(arguments: ["api key not valid", "Budget has been exceeded", "rate limit exceeded", "batch size"])
  func `words of a text that the server quotes decide nothing`(_ text: String) async throws {
    let failure = try await failure(.init(400, body: "can't embed: \(text) (sorry)"), text: "why do I see \(text)?")
    #expect(failure.kind == .badInput)
    let own = try await self.failure(.init(400, body: "can't embed: \(text)"), text: "another text")
    #expect(own.kind != .badInput)
  }

  @Test(arguments: [
    ("/v1", "does the base URL need /v1?", false), ("", "does the base URL need /v1?", true),
    ("/api", "does the base URL need /v1?", true),
    ("/v2beta", "the model's name", true),
  ])
  func `a 404 says what to look at, with the URL that was called`(
    _ path: String, _ words: String, _ isSaid: Bool
  ) async throws {
    try await EmbeddingsServer.run(rules: [.always(.respond(.init(404, body: "404 page not found")))]) { server in
      let url = server.root.replacing("http://", with: "http://user:pass@") + path + "?tenant=secret"
      let embedder = try server.embedder(.baseURL(url))
      let failure = try #require(await caught { try await embedder.embed(["vecfill"]) })
      #expect(failure.kind == .misconfigured)
      #expect(failure.reason.contains(words) == isSaid, "\(failure.reason)")
      #expect(failure.address == "\(server.root)\(path)/embeddings")
      #expect(failure.serverMessage == "404 page not found")
      #expect(!Self.dumped(failure).contains("pass@") && !Self.dumped(failure).contains("tenant"))
    }
  }

  private static func dumped(_ failure: EmbeddingFailure) -> String {
    var dumped = failure.summary
    dump(failure, to: &dumped)
    return dumped
  }

  private func failure(_ response: EmbeddingsServer.Response, text: String) async throws -> EmbeddingFailure {
    var options = EmbeddingsServer.Options()
    options.apiKey = Self.key
    return try await EmbeddingsServer.run(options, rules: [.always(.respond(response))]) { server in
      let embedder = try server.embedder(base64: false)
      return try #require(await caught { try await embedder.embed([text]) })
    }
  }
}
