import Backfill
import EmbeddingAPIs
import TestSupport
import Testing

/// A reply of status 200 that holds an error in place of vectors is judged by what the error says.
@Suite(.timeLimit(.minutes(1)))
struct ErrorInReplyTests {
  @Test(
    arguments: [
      (#"{"error":{"code":429,"message":"Provider returned error"}}"#, .rateLimited, false),
      (#"{"error":{"code":"429","message":"slow"}}"#, .rateLimited, false),
      (#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"quota"}}]"#, .rateLimited, false),
      (#"{"code":429,"message":"too fast"}"#, .rateLimited, false),
      (#"{"error":{"type":"rate_limit_error","message":"later"}}"#, .rateLimited, false),
      (#"{"error":{"type":"overloaded_error","message":"later"},"type":"error"}"#, .transient, true),
      (#"{"error":{"code":502,"message":"upstream"}}"#, .transient, true),
      (#"{"error":{"code":500,"message":"upstream"},"data":[]}"#, .transient, true),
      (#"{"error":{"code":503,"message":"upstream"},"data":null}"#, .transient, true),
      (#"{"status":"error","code":504,"message":"upstream"}"#, .transient, true),
      (#"{"success":false,"errors":[{"code":503,"message":"capacity"}],"result":null}"#, .transient, true),
      (#"{"error":{"code":"invalid_api_key","message":"no"}}"#, .denied, true),
      (#"{"error":"Unauthorized"}"#, .denied, true),
      (#"{"error":{"code":401,"message":"User not found."}}"#, .denied, false),
      (#"{"detail":"Invalid API key"}"#, .denied, true),
      (#"{"error":{"code":402,"message":"Insufficient credits"}}"#, .quotaExhausted, false),
      (#"{"error":{"type":"insufficient_quota","message":"no"}}"#, .quotaExhausted, true),
      (#"{"error":{"code":403,"message":"blocked"}}"#, .forbidden, false),
      (#"{"error":{"code":404,"message":"No endpoints found"}}"#, .misconfigured, false),
      (#"{"error":{"code":400,"message":"too many inputs: batch size 20"}}"#, .tooLarge, false),
      (#"{"error":"input length exceeds the context length"}"#, .badInput, true),
      (#"{"error":{"type":"invalid_request_error","message":"no"}}"#, .badInput, false),
      (#"{"error":{"code":499,"message":"gone"}}"#, .transient, true),
      (#"{"error":{"code":451,"message":"law"}}"#, .unrecognized, false),
      (#"{"error":{"message":"something odd"}}"#, .brokenReply, true), (#"{"detail":"odd"}"#, .brokenReply, true),
      (#"{"status":"error","message":"odd"}"#, .brokenReply, true), ("{}", .brokenReply, true),
      ("<html><title>Unauthorized: batch size</title></html>", .brokenReply, true), ("", .brokenReply, true),
    ] as [(String, EmbeddingFailure.Kind, Bool)])
  func `an error in a 200 has the kind that it would have with its own status`(
    _ body: String, _ kind: EmbeddingFailure.Kind, _ mayHaveBeenBilled: Bool
  ) async throws {
    try await EmbeddingsServer.run(rules: [.always(.respond(.init(200, body: body)))]) { server in
      let embedder = try server.embedder(base64: false)
      let failure = try #require(await caught { try await embedder.embed(["a first text", "a second text"]) })
      #expect(failure.kind == kind, "\(failure)")
      #expect(failure.status == 200)
      #expect(failure.mayHaveBeenBilled == mayHaveBeenBilled || failure.status != 200, "\(failure)")
      #expect((failure.serverMessage == nil) == ["", "{}"].contains(body), "\(failure)")
    }
  }

  @Test func `a rate limit in a 200 is told with its wait`() async throws {
    let body = EmbeddingsServer.Response.errorInReply(429, "Rate limit. Please try again in 2s.")
    try await EmbeddingsServer.run(rules: [.request(0, .respond(body))]) { server in
      let embedder = try server.embedder()
      let failure = await caught { try await embedder.embed(["a text"]) }
      #expect(failure?.retryAfter == .seconds(2))
      #expect(failure?.reason == "the rate limit is reached (an error 429 in a reply of status 200)")
      #expect(try await embedder.embed(["a text"]).vectors.count == 1)
    }
  }

  @Test func `an empty error beside vectors is none`() async throws {
    let body = #"{"error":null,"data":[{"index":0,"embedding":[0.5,0.5]}],"model":"text-embedding-3-small"}"#
    try await EmbeddingsServer.run(rules: [.always(.respond(.init(200, body: body)))]) { server in
      let embedder = try server.embedder { $0.dimensions = 2 }
      #expect(try await embedder.embed(["text"]).vectors.values == [0.5, 0.5])
    }
  }
}
