import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// What an embedder keeps in whichever dialect it asks: nothing is believed that doesn't fit what was asked.
@Suite(.timeLimit(.minutes(1)))
struct FormatContractTests {
  typealias Dialect = EmbeddingsServer.Dialect

  static let texts = ["first", "a POISON text", "third", "fourth"]

  @Test(
    arguments: Dialect.allCases,
    [
      (.tooFew, "3 vectors for 4"), (.tooMany, "more than 4"), (.notJSON, "not the JSON"),
      (.dimensions(7), "7 dimensions where 8"),
    ] as [(EmbeddingsServer.Distortion, String)])
  func `a reply of another count or length, or none, is refused whole`(
    _ dialect: Dialect, _ flaw: (distortion: EmbeddingsServer.Distortion, reason: String)
  ) async throws {
    try await EmbeddingsServer.run(rules: [.always(.distort(flaw.distortion))]) { server in
      let failure = await caught { try await server.embedder(in: dialect).embed(Self.texts) }
      // At Gemini's OpenAI door base64 is refused first.
      #expect(failure?.kind == .brokenReply)
      #expect(failure?.reason.contains(flaw.reason) == true, "\(failure?.reason ?? "no failure")")
      #expect(failure?.mayHaveBeenBilled == true)
    }
  }

  @Test(arguments: Dialect.allCases, EmbeddingsServer.Flaw.allCases)
  func `a text whose vector can't be used is named by its place, and the others have theirs`(
    _ dialect: Dialect, _ flaw: EmbeddingsServer.Flaw
  ) async throws {
    try await EmbeddingsServer.run(rules: [.vectors(of: "POISON", flaw)]) { server in
      let embedder = try server.embedder(in: dialect)
      if flaw == .missing, dialect.shape != .openAI {
        let failure = await caught { try await embedder.embed(Self.texts) }
        #expect(failure?.kind == .brokenReply, "order alone proves nothing where one is missing")
        #expect(failure?.reason.contains("3 vectors for 4") == true)
        return
      }
      let reply = try await embedder.embed(Self.texts)
      #expect(Set(reply.unusable.keys) == [1])
      #expect(reply.vectors[1].allSatisfy { $0 == 0 })
      for index in [0, 2, 3] {
        #expect(reply.vectors[index].elementsEqual(EmbeddingsServer.vector(for: Self.texts[index], dimensions: 8)))
      }
    }
  }

  @Test(arguments: Dialect.allCases)
  func `a reply tells whether order alone places its vectors`(_ dialect: Dialect) async throws {
    try await EmbeddingsServer.run { server in
      let reply = try await server.embedder(in: dialect).embed(Self.texts)
      #expect(reply.isPlacedByOrder == Dialect.withoutIndex.contains(dialect))
    }
    try await EmbeddingsServer.run(rules: [.always(.distort(.noIndex))]) { server in
      let reply = try await server.embedder(in: dialect).embed(Self.texts)
      #expect(reply.isPlacedByOrder)
    }
  }

  @Test(arguments: Dialect.allCases)
  func `a text that is too long is an error where the API can be told not to cut it`(_ dialect: Dialect) async throws {
    var options = EmbeddingsServer.Options()
    options.maxInputTokens = 100
    try await EmbeddingsServer.run(options) { server in
      let embedder = try server.embedder(in: dialect)
      let long = String(repeating: "long ", count: 100)
      guard dialect == .ollamaOpenAI else {
        let failure = await caught { try await embedder.embed([long]) }
        #expect([.badInput, .tooLarge].contains(failure?.kind), "\(failure.map { "\($0)" } ?? "cut in silence")")
        #expect(server.record.billed.isEmpty)
        return
      }
      let vectors = try await embedder.embed([long, long + "and more"]).vectors
      #expect(
        vectors[0].elementsEqual(vectors[1]), "the server of this test cuts in silence as Ollama does at this door")
    }
  }

  @Test(arguments: Dialect.allCases)
  func `tokens are those that the API tells, and unknown where it tells none or isn't trusted`(
    _ dialect: Dialect
  ) async throws {
    let count = Self.texts.reduce(0) { $0 + EmbeddingsServer.tokens(of: $1) }
    try await EmbeddingsServer.run { server in
      #expect(try await server.embedder(in: dialect).embed(Self.texts).billedTokens == dialect.told(count))
      let distrusting = try server.embedder(in: dialect) { $0.trustsUsage = false }
      #expect(try await distrusting.embed(Self.texts).billedTokens == nil)
    }
    try await EmbeddingsServer.run(rules: [.always(.distort(.usage(nil)))]) { server in
      let reply = try await server.embedder(in: dialect).embed(Self.texts)
      #expect(reply.billedTokens == nil)
    }
  }

  @Test(arguments: Dialect.allCases)
  func `a wrong key and an unknown model are known for what they are`(_ dialect: Dialect) async throws {
    try await EmbeddingsServer.run { server in
      let keyless = try server.embedder(in: dialect) { $0.apiKey = APIKey("sk-wrong") }
      let denied = await caught { try await keyless.embed(Self.texts) }
      #expect(denied?.kind == .denied)
      #expect(denied.map { "\($0)".contains("sk-wrong") } == false)
      guard dialect != .tei, dialect.options(of: server).endpoint == .baseURL(server.root + dialect.basePath) else {
        return
      }
      let other = try server.embedder(in: dialect) { $0.model = "nonsense" }
      #expect(await caught { try await other.embed(Self.texts) }?.kind == .misconfigured)
    }
  }

  @Test(arguments: Dialect.allCases)
  func `the key goes in the API's own header and nowhere else`(_ dialect: Dialect) async throws {
    try await EmbeddingsServer.run { server in
      _ = try await server.embedder(in: dialect) { $0.headers = [("X-Tenant", APIKey("blue"))] }.embed(["text"])
      let request = try #require(server.record.requests.first)
      let holders = request.headers.filter { $0.value.contains("sk-test") }.keys
      #expect(Array(holders) == [dialect.options(of: server).keyHeader.name.lowercased()])
      #expect(!request.target.contains("sk-test"))
      #expect(request.headers["x-tenant"] == "blue")
    }
  }

  @Test(arguments: Dialect.allCases)
  func `a redirect to another host gets neither the key nor the texts, and is told`(_ dialect: Dialect) async throws {
    try await EmbeddingsServer.run { other in
      let elsewhere = EmbeddingsServer.Response.redirect(to: "\(other.root)/v1/embeddings")
      try await EmbeddingsServer.run(rules: [.always(.respond(elsewhere))]) { server in
        let failure = await caught { try await server.embedder(in: dialect).embed(["text"]) }
        #expect(failure?.kind == .misconfigured)
        #expect(failure?.reason.contains("redirects") == true)
        #expect(server.record.requests.count == 1)
      }
      #expect(other.record.requests.isEmpty && other.record.acceptedConnections == 0)
    }
  }

  @Test(arguments: Dialect.allCases.filter { $0.maxInputs != nil })
  func `as many inputs as the API takes are taken, and one more is too large a request`(
    _ dialect: Dialect
  ) async throws {
    let most = try #require(dialect.maxInputs)
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder(in: dialect)
      let texts = (0...most).map { "text \($0)" }
      #expect(try await embedder.embed(Array(texts.prefix(most))).vectors.count == most)
      #expect(await caught { try await embedder.embed(texts) }?.kind == .tooLarge)
    }
  }

  @Test(
    arguments: [
      (.cohere, "input_type", "search_document", "search_query"), (.nim, "input_type", "passage", "query"),
      (.gemini, "taskType", "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"), (.voyage, "input_type", "document", "query"),
      (.jina, "task", "retrieval.passage", "retrieval.query"),
    ] as [(Dialect, String, String, String)])
  func `a stored text and the words of a search are asked for as what they are`(
    _ dialect: Dialect, _ field: String, _ document: String, _ query: String
  ) async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder(in: dialect)
      for role in EmbeddingRole.allCases { _ = try await embedder.embed(["text"], as: role) }
      #expect(server.record.requests.map { $0.fields[field] } == [.string(document), .string(query)])
    }
  }

  @Test(arguments: Dialect.allCases)
  func `the dimensions are sent under the API's own name where they are to be sent`(_ dialect: Dialect) async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder(in: dialect) {
        $0.dimensionsField = $0.format.dimensionsField
        $0.dimensions = 4
      }
      #expect(try await embedder.embed(Self.texts).vectors.dimensions == 4)
      #expect(server.record.requests.last?.fields[dialect.format.dimensionsField] == .integer(4))
    }
  }
}
