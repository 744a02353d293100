import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// What gateways and servers say in words of their own, as LiteLLM 1.108.7 and Infinity 0.0.76 were heard to.
@Suite(.timeLimit(.minutes(1)))
struct GatewayTests {
  static let missingKey = EmbeddingsServer.Response(
    500, headers: [("content-type", "text/plain; charset=utf-8"), ("connection", "close")],
    body: "Internal Server Error")

  private static func litellm(_ message: String, type: String = "invalid_request_error", code: String = "400") -> String
  {
    #"{"error":{"message":"\#(message)","type":"\#(type)","param":null,"code":"\#(code)"}}"#
  }

  @Test(
    arguments: [
      (400, litellm("No connected db.", type: "no_db_connection"), .denied, "credential"),
      (
        400,
        #"{"error":{"message":"/embeddings: Invalid model name passed in model=nonsense. Call `/v1/models` to view available models for your key.","type":"invalid_request_error","param":null,"code":"400","provider_specific_fields":{"error":"…"}}}"#,
        .misconfigured, "check the model's name"
      ),
      (
        400,
        litellm(
          #"litellm.UnsupportedParamsError: Setting dimensions is not supported for OpenAI `text-embedding-3` and later models. To drop it from the call, set `litellm.drop_params = True`.\n\nLiteLLM: model group 'minilm' failed with the error above. No fallback was attempted."#
        ), .misconfigured, "dimensions were refused"
      ),
      (401, litellm("litellm.AuthenticationError: AuthenticationError: OpenAIException", code: "401"), .denied, ""),
      (400, litellm("litellm.AuthenticationError: AuthenticationError: OpenAIException"), .denied, ""),
      (
        422, litellm("litellm.BadRequestError: OpenAIException - Error code: 422", code: "422"), .badInput,
        "for a reason that is not known"
      ),
      (500, litellm("Connection error.", type: "internal_server_error", code: "500"), .transient, "provider failed"),
      (401, #"{"detail":"Unauthorized"}"#, .denied, ""),
      (
        429, #"{"error":{"message":"model x is currently overloaded","type":null,"param":null,"code":429}}"#,
        .rateLimited, ""
      ),
      (
        422,
        #"{"detail":[{"type":"too_long","loc":["body","input"],"msg":"List should have at most 2048 items after validation, not 2049"}]}"#,
        .tooLarge, ""
      ),
      (413, #"{"error":"batch size 33 > maximum allowed batch size 32","error_type":"Validation"}"#, .tooLarge, ""),
      (
        413,
        #"{"error":"Input validation error: `inputs` must have less than 512 tokens. Given: 600","error_type":"Validation"}"#,
        .badInput, "too long"
      ),
      (424, #"{"error":"backend error","error_type":"Backend"}"#, .transient, ""),
      (424, #"{"message":"backend error","code":424,"type":"Backend"}"#, .transient, ""),
      (429, #"{"error":"Model is overloaded","error_type":"Overloaded"}"#, .rateLimited, ""),
      (401, #"{"detail":"Provided API key is invalid."}"#, .denied, ""),
      (
        400,
        #"{"detail":"The example at index 3 in your batch has too many tokens and does not fit into the model's context window of 8192 tokens."}"#,
        .badInput, "too long"
      ),
      (401, #"{"message":"invalid api token"}"#, .denied, ""),
      (400, #"{"message":"invalid request: total number of texts must be at most 96 - received 97"}"#, .tooLarge, ""),
      (
        404, #"{"error":{"code":404,"message":"models/m is not found for API version v1beta","status":"NOT_FOUND"}}"#,
        .misconfigured, ""
      ),
      (400, #"{"error":"the input length exceeds the context length"}"#, .badInput, "too long"),
      (500, #"{"error":"json: unsupported value: NaN"}"#, .badInput, "no finite vector"),
      (404, #"{"error":"model \"m\" not found, try pulling it first"}"#, .misconfigured, ""),
    ] as [(Int, String, EmbeddingFailure.Kind, String)])
  func `what is said in a gateway's own words has the right class and names the cause`(
    _ status: Int, _ body: String, _ kind: EmbeddingFailure.Kind, _ cause: String
  ) async throws {
    try await EmbeddingsServer.run(rules: [.always(.respond(.init(status, body: body)))]) { server in
      let embedder = try server.embedder(base64: false)
      let failure = try #require(await caught { try await embedder.embed(Array(repeating: "some text", count: 5)) })
      #expect(failure.kind == kind)
      #expect(cause.isEmpty || failure.reason.contains(cause), "\(failure.reason)")
      #expect(failure.badIndex == (body.contains("at index 3") ? 3 : nil))
    }
  }

  @Test(arguments: [10, 2_000_000])
  func `an over-long text is that text's fault, however much of it is echoed`(_ length: Int) async throws {
    let text = String(repeating: "x", count: length)
    let body =
      #"{"detail":[{"type":"string_too_long","loc":["body","input","list[constrained-str]",1],"#
      + #""msg":"String should have at most 122880 characters","input":"\#(text)","ctx":{"max_length":122880}}]}"#
    try await EmbeddingsServer.run(rules: [.always(.respond(.init(422, body: body)))]) { server in
      let failure = await caught { try await server.embedder(base64: false).embed(["fine", text]) }
      #expect(failure?.kind == .badInput)
      #expect(failure?.reason == "an input is too long")
      if length < 1_000 { #expect(failure?.badIndex == 1) }
    }
  }

  @Test func `the wait that a gateway's provider asks for is heard`() async throws {
    let throttled = EmbeddingsServer.Response(
      429, headers: [("llm_provider-retry-after", "60")],
      body: Self.litellm("litellm.RateLimitError", type: "throttling_error", code: "429"))
    for (response, seconds) in [(throttled, 60), (.geminiQuota, 45)] {
      try await EmbeddingsServer.run(rules: [.always(.respond(response))]) { server in
        let failure = await caught { try await server.embedder(in: .gemini).embed(["text"]) }
        #expect(failure?.kind == .rateLimited)
        #expect(failure?.retryAfter == .seconds(seconds))
      }
    }
  }

  @Test func `a gateway that fails without a word on a request without a key is told the likely cause at once`()
    async throws
  {
    try await EmbeddingsServer.run(rules: [.always(.respond(Self.missingKey))]) { server in
      let embedder = try server.embedder { $0.apiKey = nil }
      let failure = await caught { try await embedder.embed(["a text", "another"]) }
      #expect(failure?.kind == .denied)
      #expect(failure?.reason.contains("no key is sent") == true)
      #expect(server.record.requests.map(\.digests.count) == [2, 1], "a harmless text is asked for to be sure")
    }
  }

  @Test(arguments: [true, false])
  func `a server that fails so on a text, or once it has answered, is taken for one that fails`(
    _ hasAnswered: Bool
  ) async throws {
    var options = EmbeddingsServer.Options()
    options.apiKey = nil
    let rule = EmbeddingsServer.Rule.texts(with: "POISON", .respond(Self.missingKey))
    try await EmbeddingsServer.run(options, rules: [rule]) { server in
      let embedder = try server.embedder()
      if hasAnswered { _ = try await embedder.embed(["fine"]) }
      #expect(await caught { try await embedder.embed(["POISON"]) }?.kind == .transient)
      #expect(server.record.requests.count == 2)
      #expect(await caught { try await embedder.embed(["POISON"]) }?.kind == .transient)
      #expect(server.record.requests.count == 3, "what has answered is not asked for a harmless text again")
    }
  }

  @Test func `with a key such a failure is a failure of the server`() async throws {
    try await EmbeddingsServer.run(rules: [.always(.respond(Self.missingKey))]) { server in
      for adjust in [
        { _ in },
        {
          $0.apiKey = nil
          $0.headers = [("Authorization", APIKey("Basic abcdef"))]
        },
      ]
        as [(inout APIEmbedder.Options) -> Void]
      {
        #expect(await caught { try await server.embedder(in: .openAI, adjust).embed(["text"]) }?.kind == .transient)
      }
      #expect(server.record.requests.count == 2)
    }
  }

  @Test func `a header's value that a server quotes is not told again`() async throws {
    let body = Self.litellm("no access with token-very-secret-value here")
    try await EmbeddingsServer.run(rules: [.always(.respond(.init(400, body: body)))]) { server in
      let embedder = try server.embedder(base64: false) {
        $0.headers = [("CF-Access-Token", APIKey("token-very-secret-value"))]
      }
      let failure = try #require(await caught { try await embedder.embed(["vecfill"]) })
      #expect(failure.serverMessage?.contains("no access with") == true)
      #expect(!"\(failure)".contains("very-secret"))
    }
  }

  @Test func `a server's own name for the model is said once`() async throws {
    try await EmbeddingsServer.run(rules: [.always(.distort(.model("bge-m3-q8_0.gguf")))]) { server in
      let told = EmbeddingsServer.Watched<[String]>([])
      let embedder = try server.embedder(in: .openAI, told: told)
      for _ in 0..<3 { #expect(try await embedder.embed(["text"]).modelAlias == "bge-m3-q8_0.gguf") }
      #expect(told.value.count == 1)
      #expect(told.value.first?.contains("bge-m3-q8_0.gguf") == true)
      #expect(told.value.first?.contains(server.options.model) == true)
    }
  }
}
