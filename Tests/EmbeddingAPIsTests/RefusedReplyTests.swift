import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// What an answer of another status than 200 is taken for.
@Suite(.timeLimit(.minutes(1)))
struct RefusedReplyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let status: Int
    let body: String
    let kind: EmbeddingFailure.Kind
    var code: String?
    var badIndex: Int?

    init(
      _ name: String, _ status: Int, _ body: String, _ kind: EmbeddingFailure.Kind, code: String? = nil,
      badIndex: Int? = nil
    ) {
      self.name = name
      self.status = status
      self.body = body
      self.kind = kind
      self.code = code
      self.badIndex = badIndex
    }

    var testDescription: String { name }
  }

  /// An error as OpenAI nests it.
  static func openAI(
    _ message: String, type: String = "invalid_request_error", code: String? = nil, param: String? = nil
  )
    -> String
  {
    func json(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }
    return #"{"error":{"message":\#(json(message)),"type":"\#(type)","param":\#(json(param)),"code":\#(json(code))}}"#
  }

  @Test(arguments: cases)
  func `a refusal is judged by what it says, not by its status alone`(_ example: Case) async throws {
    let response = EmbeddingsServer.Response(example.status, body: example.body)
    try await EmbeddingsServer.run(rules: [.always(.respond(response))]) { server in
      let embedder = try server.embedder(base64: false)
      let failure = try #require(await caught { try await embedder.embed(Array(repeating: "some text", count: 50)) })
      #expect(failure.kind == example.kind)
      #expect(failure.status == example.status)
      #expect(failure.code == example.code)
      #expect(failure.badIndex == example.badIndex)
      #expect(failure.mayHaveBeenBilled == [460, 499, 502, 504, 520].contains(example.status))
      #expect(failure.address == "\(server.root)/v1/embeddings")
      #expect((failure.serverMessage == nil) == ["", "{}"].contains(example.body))
      let tries = example.body.contains("encoding_format") ? 2 : 1
      #expect(server.record.requests.count == tries, "nothing is retried here but an encoding that is refused")
      #expect(failure.requestID == "req_\(tries - 1)")
    }
  }

  @Test func `every row of the table decides some case`() {
    let deciding = Self.cases.map { example in
      let error = ProviderError(Data(example.body.utf8), Redaction(texts: [], key: nil))
      return ErrorRule.table.firstIndex { $0.fits(status: example.status, error) }
    }
    #expect(Set(deciding) == Set(ErrorRule.table.indices.map { $0 }))
  }

  @Test(
    arguments: [
      (503, "false", .badInput), (503, "true", .transient), (429, "false", .rateLimited),
      (429, "true", .rateLimited),
      (400, "true", .transient), (400, "false", .badInput), (418, "TRUE", .transient), (418, "false", .unrecognized),
      (401, "true", .denied),
      (503, "maybe", .transient),
    ] as [(Int, String, EmbeddingFailure.Kind)])
  func `x-should-retry decides where only the status is known`(
    _ status: Int, _ value: String, _ kind: EmbeddingFailure.Kind
  ) async throws {
    let failure = try await failure(status, headers: [("x-should-retry", value)])
    #expect(failure.kind == kind)
  }

  @Test(
    arguments: [
      ([("retry-after", "20")], "", 20), ([("Retry-After", "2.5")], "", 2.5), ([("retry-after-ms", "1500")], "", 1.5),
      ([("retry-after-ms", "1500"), ("retry-after", "20")], "", 1.5), ([("retry-after", "0")], "", 0),
      ([("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], "", 30),
      ([("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], "", 0),
      (
        [("retry-after", "Sun, 06 Nov 2044 08:50:07 GMT"), ("date", "Sun, 06 Nov 2044 08:50:00 GMT")], "", 7
      ),
      ([("llm_provider-retry-after", "12")], "", 12), ([], "Please try again in 2.812s. Visit us", 2.812),
      ([], "Please try again in 644ms.", 0.644), ([], "Please try again in 6m0s.", 360),
      ([], "Please retry after 20 seconds.", 20), ([], "please retry in 45.2s", 45.2),
      ([("retry-after", "3")], "Please try again in 20s", 3), ([], "try again later", nil),
      ([("retry-after", "-5")], "", nil),
      ([("retry-after", "soon")], "", nil), ([("retry-after", "1e300")], "", nil),
      ([("retry-after-ms", "nan")], "", nil), ([("retry-after-ms", "inf")], "", nil),
      ([("retry-after-ms", "-1"), ("retry-after", "3")], "", 3),
      ([("retry-after-ms", "inf"), ("retry-after", "3")], "", 3),
      ([("retry-after", "soon"), ("llm_provider-retry-after", "4")], "", 4),
      // As seconds and milliseconds since 1970, by the reply's clock and by this machine's.
      ([("retry-after", "2362035007"), ("date", "Sun, 06 Nov 2044 08:50:00 GMT")], "", 7),
      ([("retry-after", "2362035007.5"), ("date", "Sun, 06 Nov 2044 08:50:00 GMT")], "", 7.5),
      ([("retry-after", "2362035007000"), ("date", "Sun, 06 Nov 2044 08:50:00 GMT")], "", 7),
      ([("retry-after", "2362034993"), ("date", "Sun, 06 Nov 2044 08:50:00 GMT")], "", 0),
      ([("retry-after-ms", "2362035007000"), ("date", "Sun, 06 Nov 2044 08:50:00 GMT")], "", 7),
      ([("llm_provider-retry-after", "2362035007"), ("date", "Sun, 06 Nov 2044 08:50:00 GMT")], "", 7),
      ([("retry-after", "784111807")], "", 30), ([("retry-after", "784111807000")], "", 30),
      ([("retry-after", "99999999999999999999")], "", 31 * 86_400), ([], "", nil),
    ] as [([(name: String, value: String)], String, Double?)])
  func `the wait that is asked for is read from wherever it stands`(
    _ headers: [(name: String, value: String)], _ message: String, _ seconds: Double?
  ) async throws {
    let failure = try await failure(429, headers: headers, body: Self.openAI(message, code: "rate_limit_exceeded"))
    #expect(failure.kind == .rateLimited)
    #expect(failure.retryAfter == seconds.map { .milliseconds(Int($0 * 1000)) })
  }

  @Test func `an endless error page is cut and still judged by its status`() async throws {
    let page = EmbeddingsServer.Response(503, body: String(repeating: "<p>", count: 3_000_000))
    #expect(try await failure(page).kind == .transient)
  }

  private func failure(
    _ status: Int, headers: [(name: String, value: String)] = [], body: String = ""
  ) async throws -> EmbeddingFailure {
    try await failure(EmbeddingsServer.Response(status, headers: headers, body: body))
  }

  /// The clock stands at 08:49:37 on 6 November 1994.
  private func failure(_ response: EmbeddingsServer.Response) async throws -> EmbeddingFailure {
    try await EmbeddingsServer.run(rules: [.always(.respond(response))]) { server in
      let options = APIEmbedder.Options(endpoint: .baseURL("\(server.root)/v1"), model: "m", dimensions: 8)
      let embedder = try APIEmbedder(
        options, client: HTTPClient(.init(proxy: "")), now: { Date(timeIntervalSince1970: 784_111_777) })
      return try #require(await caught { try await embedder.embed(["text"]) })
    }
  }
}
