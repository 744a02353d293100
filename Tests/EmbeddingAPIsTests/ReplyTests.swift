import Backfill
import EmbeddingAPIs
import TestSupport
import Testing

/// What comes back with status 200: nothing is believed that does not fit what was asked.
@Suite(.timeLimit(.minutes(1)))
struct ReplyTests {
  static let texts = ["first", "second", "third"]

  @Test(
    arguments: [
      (.notJSON, "not the JSON"), (.tooFew, "2 vectors for 3"), (.tooMany, "more than 3"),
      (.duplicateIndex, "index 0 twice"), (.indexOutOfRange, "index 3 of 3"), (.noVector, "no vector for it"),
      (.dimensions(7), "7 dimensions where 8"), (.dimensions(1_536), "1536 dimensions where 8"),
      (.flawed(.notANumber) { _ in true }, "not finite"), (.flawed(.zeros) { _ in true }, "all zeros"),
      (.nullVector, "null"), (.nullValue, "null"), (.flawed(.garbled) { _ in true }, "not base64"),
      (.flawed(.missing) { $0 == "third" }, "2 vectors for 3"), (.padded(bytes: 8_000_000), "longer than any reply"),
    ] as [(EmbeddingsServer.Distortion, String)])
  func `a reply that breaks its contract is refused whole, with the reason`(
    _ distortion: EmbeddingsServer.Distortion, _ reason: String
  ) async throws {
    try await EmbeddingsServer.run(rules: [.request(0, .distort(distortion))]) { server in
      let embedder = try server.embedder()
      let failure = await caught { try await embedder.embed(Self.texts) }
      #expect(failure?.kind == .brokenReply)
      #expect(failure?.reason.contains(reason) == true, "\(failure?.reason ?? "no failure")")
      #expect(failure?.mayHaveBeenBilled == true)
      #expect(failure?.requestID == "req_0")
      #expect(server.record.billed.count == 3)
      #expect(try await embedder.embed(Self.texts).vectors.count == 3, "the next reply is read as ever")
    }
  }

  private static let good =
    #"{"data":[{"index":0,"embedding":[1,0,0,0,0,0,0,0]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#

  @Test(arguments: [200, 201, 202, 203, 206, 299])
  func `vectors are taken with any status of success, and their tokens`(status: Int) async throws {
    let rule = EmbeddingsServer.Rule.always(.respond(.init(status, body: Self.good)))
    try await EmbeddingsServer.run(rules: [rule]) { server in
      let embedder = try server.embedder()
      for _ in 0..<2 {
        let reply = try await embedder.embed(["text"])
        #expect(reply.vectors[0].first == 1 && reply.billedTokens == 2)
      }
      #expect(server.record.acceptedConnections == 1, "its connection is kept")
    }
  }

  @Test(arguments: [(201, "{}"), (202, "accepted"), (203, "<html></html>"), (204, ""), (205, ""), (206, good + "]")])
  func `a success without vectors may have been billed`(_ status: Int, _ body: String) async throws {
    try await EmbeddingsServer.run(rules: [.always(.respond(.init(status, body: body)))]) { server in
      let embedder = try server.embedder()
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .brokenReply && failure?.mayHaveBeenBilled == true && failure?.status == status)
    }
  }

  @Test(
    arguments: [
      .reversed, .floats, .escaped, .noIndex, .noFirstIndex, .noModel, .model(""), .padded(bytes: 1_000),
      .model("openai/text-embedding-3-small"),
      .model("Text-Embedding-3-Small:latest"), .model("text-embedding-3-small-2024-01-25"),
    ] as [EmbeddingsServer.Distortion], [true, false])
  func `a reply in another form has the same vectors`(
    _ distortion: EmbeddingsServer.Distortion, _ base64: Bool
  ) async throws {
    try await EmbeddingsServer.run(rules: [.always(.distort(distortion))]) { server in
      let vectors = try await server.embedder(base64: base64).embed(Self.texts).vectors
      for (index, text) in Self.texts.enumerated() {
        #expect(vectors[index].elementsEqual(EmbeddingsServer.vector(for: text, dimensions: 8)))
      }
    }
  }

  @Test(
    arguments: [
      (#"{"prompt_tokens":6,"total_tokens":6}"#, 6), (#"{"total_tokens":6}"#, 6), (nil, nil), ("null", nil),
      ("{}", nil),
      (#"{"prompt_tokens":0}"#, nil), (#"{"prompt_tokens":-3}"#, nil), (#"{"prompt_tokens":1e300}"#, nil),
      (#"{"prompt_tokens":2}"#, nil), (#"{"prompt_tokens":3.5}"#, nil), (#"{"prompt_tokens":"6"}"#, nil),
      (#"{"prompt_tokens":100000}"#, nil), (#"{"prompt_tokens":null,"total_tokens":5}"#, 5),
    ] as [(String?, Int?)])
  func `tokens are what the reply's usage says, and unknown where it can't be so`(
    _ usage: String?, _ expected: Int?
  ) async throws {
    try await EmbeddingsServer.run(rules: [.always(.distort(.usage(usage)))]) { server in
      let reply = try await server.embedder().embed(Self.texts)
      #expect(reply.billedTokens == expected)
    }
  }

  @Test(arguments: [
    ("text-embedding-3-small", "text-embedding-3-small", true),
    ("openai/text-embedding-3-small", "text-embedding-3-small", true),
    ("BAAI/bge-m3", "baai/BGE-M3", true), ("nomic-embed-text", "nomic-embed-text:latest", true),
    ("mistral-embed", "mistral-embed-2312", true), ("text-embedding-3-small", "text-embedding-3-small-20240125", true),
    ("text-embedding-ada-002", "text-embedding-ada-002-v2", true), ("bge-small-en", "bge-small-en-v1.5", false),
    ("text-embedding-3-small", "text-embedding-3-large", false), ("nomic-embed-text", "nomic-embed-text:v1.5", false),
    ("voyage-3", "voyage-3-lite", false), ("a", "", true),
  ])
  func `the model that answers must be the one that was asked, however it is spelled`(
    _ asked: String, _ answered: String, _ isSame: Bool
  ) async throws {
    var options = EmbeddingsServer.Options()
    options.model = asked
    options.deployment = asked
    try await EmbeddingsServer.run(options, rules: [.always(.distort(.model(answered)))]) { server in
      let embedder = try server.embedder(.azure(resource: server.root, deployment: asked))
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == (isSame ? nil : .misconfigured))
      if !isSame { #expect(failure?.reason.contains(answered) == true && failure?.reason.contains(asked) == true) }
    }
  }
}
