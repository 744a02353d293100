import Backfill
import EmbeddingAPIs
import TestSupport
import Testing

/// Vectors that are longer than needed and are cut here.
@Suite(.timeLimit(.minutes(1)))
struct LocalCutTests {
  static let texts = ["first", "a POISON text", "third"]

  @Test(arguments: EmbedderContractTests.Adapter.asking)
  func `longer vectors are cut to the job's length and brought to unit length`(
    _ adapter: EmbedderContractTests.Adapter
  ) async throws {
    try await adapter.run(64) { embedder, server in
      let dialect = try #require(adapter.dialect)
      let cutting = try server.embedder(in: dialect) {
        $0.encodings = adapter.encodings ?? $0.encodings
        $0.cutsLocally = true
        $0.dimensions = 16
      }
      let whole = try await embedder.embed(Self.texts).vectors
      let cut = try await cutting.embed(Self.texts).vectors
      #expect(cut.dimensions == 16)
      for index in Self.texts.indices {
        let beginning = whole[index].prefix(16)
        let length = beginning.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(zip(cut[index], beginning).allSatisfy { abs(Double($0) - Double($1) / length) < 1e-6 })
      }
    }
  }

  @Test(arguments: [EmbeddingsServer.Dialect.openAI, .cohere, .tei])
  func `vectors of just the needed length stay as they are`(_ dialect: EmbeddingsServer.Dialect) async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder(in: dialect) { $0.cutsLocally = true }
      let vectors = try await embedder.embed(Self.texts).vectors
      #expect(vectors[0].elementsEqual(EmbeddingsServer.vector(for: Self.texts[0], dimensions: 8)))
    }
  }

  @Test(
    arguments: [EmbeddingsServer.Dialect.openAI, .cohere, .gemini, .ollama, .tei],
    [EmbeddingsServer.Flaw.short, .long, .notANumber, .infinite, .zeros, .null, .nullValue, .garbled])
  func `one that is wrong, if only behind the cut, is that text's fault alone`(
    _ dialect: EmbeddingsServer.Dialect, _ flaw: EmbeddingsServer.Flaw
  ) async throws {
    try await EmbeddingsServer.run(rules: [.vectors(of: "POISON", flaw)]) { server in
      let embedder = try server.embedder(in: dialect) {
        $0.cutsLocally = true
        $0.dimensions = 4
      }
      #expect(Set(try await embedder.embed(Self.texts).unusable.keys) == [1])
    }
  }

  @Test func `a reply whose vectors have another full length than an earlier one's is refused`() async throws {
    try await EmbeddingsServer.run(rules: [.request(1, .distort(.dimensions(12)))]) { server in
      let embedder = try server.embedder(in: .openAI) {
        $0.cutsLocally = true
        $0.dimensions = 4
      }
      _ = try await embedder.embed(Self.texts)
      let failure = await caught { try await embedder.embed(Self.texts) }
      #expect(failure?.kind == .brokenReply)
      #expect(failure?.reason.contains("12 dimensions where others have 8") == true, "\(failure?.reason ?? "")")
    }
  }

  @Test func `shorter vectors than needed can't be cut`() async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder(in: .openAI) {
        $0.cutsLocally = true
        $0.dimensions = 9
      }
      let failure = await caught { try await embedder.embed(Self.texts) }
      #expect(failure?.reason.contains("8 dimensions where 9 are needed") == true)
    }
  }
}
