import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// The model that a reply names, where it is another than the one that was asked for.
@Suite(.timeLimit(.minutes(1)))
struct ModelNameTests {
  @Test(
    arguments: [
      ("bge-m3-q8_0.gguf", "bge-m3-q8_0.gguf"), ("/models/deep/bge-m3.gguf", "bge-m3.gguf"),
      ("model@q8_0", "model@q8_0"),
      (#"C:\models\bge.gguf"#, "bge.gguf"), ("embeddings", "embeddings"),
      ("a name with spaces", nil),
      (String(repeating: "x", count: 129), nil), ("sk-test", nil),
      ("my-diary-of-mine", nil), ("MY-DIARY-OF-MINE", nil), ("copy-of-my-diary-of-mine", nil),
    ] as [(String, String?)])
  func `a server's own name for the model is taken from the first answer, and told`(
    _ name: String, _ alias: String?
  ) async throws {
    let escaped = name.replacing("\\", with: "\\\\")
    try await EmbeddingsServer.run(rules: [.always(.distort(.model(escaped)))]) { server in
      let embedder = try server.embedder()
      for _ in 0..<3 { #expect(try await embedder.embed(["my-diary-of-mine"]).modelAlias == alias) }
    }
  }

  @Test func `the model that was asked for, or none, is no alias`() async throws {
    let rules: [EmbeddingsServer.Rule] = [
      .request(0, .distort(.noModel)), .request(1, .distort(.model("openai/text-embedding-3-small-2024-01-25"))),
      .request(2, .distort(.model(""))),
    ]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder()
      for _ in 0..<4 { #expect(try await embedder.embed(["text"]).modelAlias == nil) }
    }
  }

  @Test(
    arguments: [("one.gguf", "other.gguf"), ("one.gguf", nil), (nil, "other.gguf"), ("a:v1", "a:v2")]
      as [(String?, String?)])
  func `another name than the first answer's is refused, with both`(
    _ first: String?, _ second: String?
  ) async throws {
    let names = [first, second]
    let rules = names.indices.compactMap { number in
      names[number].map { EmbeddingsServer.Rule.request(number, .distort(.model($0))) }
    }
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder()
      _ = try await embedder.embed(["text"])
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .misconfigured)
      #expect(failure?.mayHaveBeenBilled == true)
      for name in names {
        #expect(failure?.reason.contains(name ?? "text-embedding-3-small") == true, "\(failure?.reason ?? "")")
      }
    }
  }

  @Test(arguments: ["one.gguf", "C:\\models\\one.gguf", "a name with spaces"], ["two.gguf", nil])
  func `the name of an earlier run is the only one that a later one takes`(_ first: String, _ second: String?)
    async throws
  {
    let escaped = first.replacing("\\", with: "\\\\")
    let rules: [EmbeddingsServer.Rule] = [
      .request(0, .distort(.model(escaped))), .request(1, .distort(.model(escaped))),
      .request(2, second.map { EmbeddingsServer.Behaviour.distort(.model($0)) } ?? .answer),
    ]
    try await EmbeddingsServer.run(rules: rules) { server in
      let served = try #require(try await server.embedder().embed(["text"]).servedModel)
      let later = try server.embedder()
      later.expect(served)
      #expect(try await later.embed(["text"]).servedModel == served)
      let failure = await caught { try await later.embed(["text"]) }
      #expect(failure?.kind == .misconfigured)
      for name in [ModelName.hidden, second ?? "text-embedding-3-small"] {
        #expect(failure?.reason.contains(name) == true, "\(failure?.reason ?? "")")
      }
      // Who named the model that was asked for is not the suspect.
      let isSuspect = failure?.reason.contains("\(ModelName.hidden), a name that nobody asked for") == true
      #expect(isSuspect == (second == nil), "\(failure?.reason ?? "")")
    }
  }

  @Test func `the name that was asked for, in whatever spelling, is the only one that a later run takes`() async throws
  {
    let rules = ["openai/text-embedding-3-small-2024-01-25", "text-embedding-3-small", "one.gguf"].enumerated().map {
      EmbeddingsServer.Rule.request($0.offset, .distort(.model($0.element)))
    }
    try await EmbeddingsServer.run(rules: rules) { server in
      let served = try #require(try await server.embedder().embed(["text"]).servedModel)
      #expect(served.digest == ModelName("text-embedding-3-small").digest)
      let later = try server.embedder()
      later.expect(served)
      #expect(try await later.embed(["text"]).servedModel == served)
      let failure = await caught { try await later.embed(["text"]) }
      #expect(failure?.kind == .misconfigured)
      #expect(
        failure?.reason.contains("an earlier one came from the model that is asked for") == true,
        "\(failure?.reason ?? "")")
    }
  }

  @Test func `a batch's answers and a request's are of one model`() async throws {
    try await EmbeddingsServer.run(rules: [.always(.distort(.model("two.gguf")))]) { server in
      let embedder = try server.embedder()
      var reader = BatchAnswerReader(embedder) { _ in 1 }
      let vector = (0..<8).map { _ in "1" }.joined(separator: ",")
      let line =
        #"{"custom_id":"a","response":{"status_code":200,"body":{"model":"one.gguf","data":[{"index":0,"embedding":["#
        + vector + "]}]}}}"
      guard case .reply("a", let reply) = reader.answer(.whole(Array(line.utf8))) else {
        Issue.record("the first answer's name is taken")
        return
      }
      #expect(reply.servedModel != nil)
      #expect(await caught { try await embedder.embed(["text"]) }?.kind == .misconfigured)
    }
  }

  @Test func `a reply without a name after one with a name is taken`() async throws {
    let rules: [EmbeddingsServer.Rule] = [.request(0, .distort(.model("one"))), .request(1, .distort(.noModel))]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder()
      for _ in 0..<2 { _ = try await embedder.embed(["text"]) }
    }
  }

  @Test func `a reply that can't be used pins no name`() async throws {
    let rules = [EmbeddingsServer.Rule.request(0, .respond(.init(200, body: #"{"data":[],"model":"loading"}"#)))]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder()
      _ = await caught { try await embedder.embed(["text"]) }
      _ = try await embedder.embed(["text"])
    }
  }

  @Test(arguments: [
    ("https://api.openai.com/v1", true), ("https://eu.api.openai.com/v1", true),
    ("https://x.openai.azure.com/openai/v1", true),
    ("https://x.services.ai.azure.com/v1", true), ("http://localhost:11434/v1", false),
    ("https://openai.example.com/v1", false),
    ("https://notapi.openai.com.example.org/v1", false), ("https://api.voyageai.com/v1", false),
  ])
  func `OpenAI and Azure name their models exactly, others may not`(_ url: String, _ isExact: Bool) {
    #expect(Endpoint.baseURL(url).namesModelsExactly == isExact)
    #expect(Endpoint.azure(resource: url, deployment: "d").namesModelsExactly)
  }
}
