import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// What an answer of another status than 200 is taken for.
@Suite(.timeLimit(.minutes(1)))
struct RefusalTests {
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

  static let cases: [Case] =
    [
      "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
      "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
      "billing_not_active",
    ].map {
      Case($0, 429, openAI("You have none left.", type: "insufficient_quota", code: $0), .quotaExhausted, code: $0)
    }
    + [
      Case(
        "Jina's balance", 403, #"{"detail":"Insufficient balance","code":"AUTHZ_INSUFFICIENT_BALANCE"}"#,
        .quotaExhausted, code: "AUTHZ_INSUFFICIENT_BALANCE"),
      Case("402", 402, "", .quotaExhausted),
      Case(
        "one request over the minute's tokens", 429,
        openAI(
          "Request too large for text-embedding-3-small in organization org-1 on tokens per min (TPM): Limit 40000, Requested 60000.",
          type: "tokens", code: "rate_limit_exceeded"), .tooLarge, code: "rate_limit_exceeded"),
      Case(
        "OpenAI's rate limit", 429, openAI("Rate limit reached", type: "tokens", code: "rate_limit_exceeded"),
        .rateLimited, code: "rate_limit_exceeded"),
      Case(
        "slow down as a 503", 503, openAI("Slow down", type: "rate_limit_error", code: "slow_down"), .rateLimited,
        code: "slow_down"),
      Case(
        "LiteLLM's rate limit", 429,
        #"{"error":{"message":"litellm.RateLimitError: too many","type":"None","param":"None","code":"429"}}"#,
        .rateLimited),
      Case(
        "TEI's overload", 429, #"{"message":"Model is overloaded","code":429,"type":"Overloaded"}"#, .rateLimited,
        code: "Overloaded"),
      Case(
        "Gemini's quota, which passes", 429,
        #"[{"error":{"code":429,"message":"You exceeded your current quota, please retry in 45.2s.","status":"RESOURCE_EXHAUSTED"}}]"#,
        .rateLimited, code: "RESOURCE_EXHAUSTED"),
      Case("429 without a body", 429, "", .rateLimited),
      Case("a wrong key", 401, openAI("Incorrect API key", code: "invalid_api_key"), .denied, code: "invalid_api_key"),
      Case("a wrong key as a 400", 400, openAI("Bad key", code: "invalid_api_key"), .denied, code: "invalid_api_key"),
      Case(
        "Azure's wrong key", 401,
        #"{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}"#, .denied),
      Case("a proxy's password", 407, "", .denied),
      Case(
        "a model without a right to it", 403,
        openAI("Project proj_1 does not have access to model", code: "model_not_found"), .denied,
        code: "model_not_found"),
      Case(
        "a model that embeds nothing", 403, openAI("You are not allowed to generate embeddings from this model"),
        .denied, code: "invalid_request_error"),
      Case(
        "no such model", 404, openAI("The model does not exist", code: "model_not_found"), .misconfigured,
        code: "model_not_found"),
      Case(
        "no such model as a 400", 400, openAI("No model", code: "model_not_found"), .misconfigured,
        code: "model_not_found"),
      Case(
        "Ollama's missing model", 404, openAI("model not found, try pulling it first", type: "api_error"),
        .misconfigured, code: "api_error"),
      Case(
        "Azure's missing deployment", 404, #"{"error":{"code":"DeploymentNotFound","message":"No"}}"#, .misconfigured,
        code: "DeploymentNotFound"),
      Case("no such method", 405, "", .misconfigured),
      Case(
        "too many tokens", 400,
        openAI(
          "Requested 416735 tokens, max 300000 tokens per request", type: "max_tokens_per_request",
          code: "max_tokens_per_request"),
        .tooLarge, code: "max_tokens_per_request"),
      Case(
        "Mistral's inputs", 400,
        #"{"object":"error","message":"Too many inputs in request, split into more batches.","type":"invalid_request_prompt","code":"3210"}"#,
        .tooLarge, code: "invalid_request_prompt"),
      Case(
        "TEI's batch", 422,
        #"{"message":"batch size 64 > maximum allowed batch size 32","code":422,"type":"Validation"}"#, .tooLarge,
        code: "Validation"),
      Case(
        "TEI's older batch", 413,
        #"{"message":"batch size 64 > maximum allowed batch size 32","code":413,"type":"Validation"}"#, .tooLarge,
        code: "Validation"),
      Case(
        "Gemini's batch", 400,
        #"[{"error":{"code":400,"message":"at most 100 requests can be in one batch","status":"INVALID_ARGUMENT"}}]"#,
        .tooLarge, code: "INVALID_ARGUMENT"),
      Case("a body too large", 413, "<html>413 Request Entity Too Large</html>", .tooLarge),
      Case(
        "OpenAI's context length", 400,
        openAI(
          "This model's maximum context length is 8192 tokens, however you requested 9000 tokens (9000 in your prompt; 0 for the completion)."
        ),
        .badInput, code: "invalid_request_error"),
      Case(
        "OpenAI's input length", 400, openAI("Invalid 'input[22]': maximum input length is 8192 tokens."), .badInput,
        code: "invalid_request_error", badIndex: 22),
      Case(
        "an index that can't be", 400, openAI("Invalid 'input[100]': maximum input length is 8192 tokens."), .badInput,
        code: "invalid_request_error"),
      Case(
        "vLLM's context length", 400,
        #"{"error":{"message":"This model's maximum context length is 512 tokens. However, you requested 600 tokens","type":"BadRequestError","param":null,"code":400}}"#,
        .badInput, code: "BadRequestError"),
      Case(
        "Ollama's context length", 400, openAI("the input length exceeds the context length"), .badInput,
        code: "invalid_request_error"),
      Case(
        "TEI's over-long input", 413,
        #"{"message":"`inputs` must have less than 512 tokens. Given: 600","code":413,"type":"Validation"}"#, .badInput,
        code: "Validation"),
      Case(
        "llama.cpp's over-long input", 500,
        #"{"error":{"code":500,"message":"input (572 tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}}"#,
        .badInput, code: "server_error"),
      Case(
        "Ollama's NaN", 500, openAI("json: unsupported value: NaN", type: "api_error"), .badInput, code: "api_error"),
      Case("Ollama's newer NaN", 400, #"{"error":"embedding contains NaN or Inf values"}"#, .badInput),
      Case(
        "vLLM's dimensions", 400, openAI("Model does not support matryoshka representation", type: "BadRequestError"),
        .misconfigured, code: "BadRequestError"),
      Case(
        "an encoding that is unknown", 400, openAI("Unknown value", param: "encoding_format"), .misconfigured,
        code: "invalid_request_error"),
      Case(
        "an empty text", 400, openAI("'$.input' is invalid. Please check the API reference."), .badInput,
        code: "invalid_request_error"),
      Case(
        "an input by its parameter", 400, openAI("Invalid value", param: "input[7]"), .badInput,
        code: "invalid_request_error", badIndex: 7),
      Case(
        "FastAPI's path", 422,
        #"{"detail":[{"loc":["body","input",3,"str"],"msg":"too long","type":"string_too_long"}]}"#, .badInput,
        badIndex: 3),
      Case(
        "TEI's empty text", 400, #"{"message":"`inputs` cannot be empty","code":400,"type":"Empty"}"#, .badInput,
        code: "Empty"),
      Case(
        "Azure's filter", 400, #"{"error":{"code":"content_filter","message":"filtered","status":400}}"#, .badInput,
        code: "content_filter"),
      Case("a 400 of an unknown kind", 400, "no", .badInput),
      Case("a 422 of an unknown kind", 422, "{}", .badInput),
      Case("HTML from a gateway", 502, "<html><body><h1>502 Bad Gateway</h1></body></html>", .transient),
      Case("a gateway's timeout", 504, "", .transient),
      Case(
        "OpenAI's overload", 503, openAI("Overloaded", type: "service_unavailable_error", code: "server_is_overloaded"),
        .transient, code: "server_is_overloaded"),
      Case("LiteLLM's plain text", 500, "Internal Server Error", .transient),
      Case("TEI's backend", 424, #"{"message":"backend","code":424,"type":"Backend"}"#, .transient, code: "Backend"),
      Case("a timeout of the request", 408, "", .transient),
      Case("a conflict", 409, "", .transient),
      Case("529", 529, "", .transient),
      Case("a teapot", 418, "", .misconfigured),
      Case("an answer without content", 204, "", .misconfigured),
    ]

  @Test(arguments: cases)
  func `a refusal is judged by what it says, not by its status alone`(_ example: Case) async throws {
    let response = EmbeddingsServer.Response(example.status, body: example.body)
    try await EmbeddingsServer.run(rules: [.always(.respond(response))]) { server in
      let embedder = try server.embedder()
      let failure = try #require(await caught { try await embedder.embed(Array(repeating: "text", count: 50)) })
      #expect(failure.kind == example.kind)
      #expect(failure.status == example.status)
      #expect(failure.code == example.code)
      #expect(failure.badIndex == example.badIndex)
      #expect(failure.requestID == "req_0")
      #expect(failure.mayHaveBeenBilled == [502, 504].contains(example.status))
      #expect(server.record.requests.count == 1, "nothing is retried here")
    }
  }

  @Test func `every row of the table decides some case`() {
    let deciding = Self.cases.map { example in
      let error = ProviderError(Data(example.body.utf8))
      return ErrorRule.table.firstIndex { $0.fits(status: example.status, error) }
    }
    #expect(Set(deciding) == Set(ErrorRule.table.indices.map { $0 }))
  }

  @Test(
    arguments: [
      (503, "false", .badInput), (503, "true", .transient), (429, "false", .quotaExhausted),
      (429, "true", .rateLimited),
      (400, "true", .transient), (400, "false", .badInput), (418, "TRUE", .transient), (401, "true", .denied),
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
      ([("retry-after-ms", "nan")], "", nil),
      ([("retry-after", "99999999999999999999")], "", nil), ([], "", nil),
    ] as [([(name: String, value: String)], String, Double?)])
  func `the wait that is asked for is read from wherever it stands`(
    _ headers: [(name: String, value: String)], _ message: String, _ seconds: Double?
  ) async throws {
    let failure = try await failure(429, headers: headers, body: Self.openAI(message, code: "rate_limit_exceeded"))
    #expect(failure.kind == .rateLimited)
    #expect(failure.retryAfter == seconds.map { .milliseconds(Int($0 * 1000)) })
  }

  @Test func `a failure tells nothing of the body, the text or the key`() async throws {
    let body = Self.openAI("the text was: my diary; key sk-test", type: "my diary is here", code: "what a day it was")
    let response = EmbeddingsServer.Response(500, headers: [("x-request-id", "a b\u{7}c")], body: body)
    try await EmbeddingsServer.run(rules: [.always(.respond(response))]) { server in
      let embedder = try server.embedder()
      let failure = try #require(await caught { try await embedder.embed(["my diary"]) })
      var dumped = ""
      dump(failure, to: &dumped)
      for secret in ["diary", "sk-test", "what a day"] { #expect(!dumped.contains(secret)) }
      #expect(dumped.contains("the provider failed"))
    }
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
      let options = OpenAIEmbedder.Options(endpoint: .openAI(baseURL: "\(server.root)/v1"), model: "m", dimensions: 8)
      let embedder = try OpenAIEmbedder(
        options, client: HTTPClient(.init(proxy: "")), now: { Date(timeIntervalSince1970: 784_111_777) })
      return try #require(await caught { try await embedder.embed(["text"]) })
    }
  }
}
