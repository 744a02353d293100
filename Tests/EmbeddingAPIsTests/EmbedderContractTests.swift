import Backfill
import EmbeddingAPIs
import TestSupport
import Testing

/// What every `Embedder` keeps, whatever is behind it.
@Suite(.timeLimit(.minutes(1)))
struct EmbedderContractTests {
  enum Adapter: String, CaseIterable, CustomTestStringConvertible {
    case openAIBase64, openAIFloat, azure, azureClassic, local

    var testDescription: String { rawValue }

    func run(_ dimensions: Int = 8, _ body: (any Embedder, EmbeddingsServer) async throws -> Void) async throws {
      var options = EmbeddingsServer.Options()
      options.dimensions = dimensions
      try await EmbeddingsServer.run(options) { server in
        let embedder: any Embedder =
          switch self {
          case .openAIBase64: try server.embedder()
          case .openAIFloat: try server.embedder(base64: false)
          case .azure: try server.embedder(.azure(resource: server.root, deployment: "embed-prod"))
          case .azureClassic: try server.embedder(.azureClassic(resource: server.root, deployment: "embed-prod"))
          case .local: LocalEmbedder(dimensions: dimensions)
          }
        try await body(embedder, server)
      }
    }
  }

  static let texts = [
    "plain", "two\nlines \"quoted\" \\ and a tab\t", "naïve café – Füße", "日本語のテキスト", "👩‍👩‍👧 🏳️‍🌈", "العربية والعبرية",
    "\u{0}\u{1F}", String(repeating: "long ", count: 2_000),
  ]

  @Test(arguments: Adapter.allCases)
  func `each text has the vector that it has alone, in the texts' order`(_ adapter: Adapter) async throws {
    try await adapter.run { embedder, _ in
      let together = try await embedder.embed(Self.texts)
      #expect(together.vectors.count == Self.texts.count)
      for (index, text) in Self.texts.enumerated() {
        let alone = try await embedder.embed([text])
        #expect(alone.vectors[0].elementsEqual(together.vectors[index]))
      }
    }
  }

  @Test(arguments: Adapter.allCases.filter { $0 != .local })
  func `each vector is the very one that the server made of its text`(_ adapter: Adapter) async throws {
    try await adapter.run(1_536) { embedder, server in
      let reply = try await embedder.embed(Self.texts)
      for (index, text) in Self.texts.enumerated() {
        #expect(reply.vectors[index].elementsEqual(EmbeddingsServer.vector(for: text, dimensions: 1_536)))
      }
      #expect(reply.billedTokens == Self.texts.reduce(0) { $0 + EmbeddingsServer.tokens(of: $1) })
      #expect(reply.billedTokens == server.record.billedTokens)
      #expect(reply.requestID == "req_0")
      #expect(server.record.requests.first?.digests == Self.texts.map(TextDigest.init(of:)))
    }
  }

  @Test(arguments: Adapter.allCases, [1, 8, 1_536])
  func `vectors are finite, of the job's dimension and of unit length`(
    _ adapter: Adapter, _ dimensions: Int
  ) async throws {
    try await adapter.run(dimensions) { embedder, _ in
      let vectors = try await embedder.embed(Self.texts).vectors
      #expect(vectors.dimensions == dimensions)
      for index in 0..<vectors.count {
        let length = vectors[index].reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(length - 1) < 1e-5)
      }
    }
  }

  @Test(arguments: Adapter.allCases)
  func `texts that are alike have alike vectors, others others`(_ adapter: Adapter) async throws {
    try await adapter.run(64) { embedder, _ in
      let vectors = try await embedder.embed(["same", "other", "same"]).vectors
      #expect(vectors[0].elementsEqual(vectors[2]))
      #expect(!vectors[0].elementsEqual(vectors[1]))
    }
  }

  @Test(arguments: Adapter.allCases)
  func `many requests at once each get their own reply`(_ adapter: Adapter) async throws {
    try await adapter.run(32) { embedder, _ in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<40 {
          group.addTask {
            let texts = (0..<10).map { "request \(number), text \($0)" }
            let vectors = try await embedder.embed(texts).vectors
            let last = try await embedder.embed([texts[9]]).vectors
            #expect(vectors[9].elementsEqual(last[0]))
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test(arguments: Adapter.allCases)
  func `a cancelled task gets the failure cancelled and asks nothing`(_ adapter: Adapter) async throws {
    try await adapter.run { embedder, server in
      let kind = await withTaskGroup(of: EmbeddingFailure.Kind?.self) { group in
        group.cancelAll()
        group.addTask { await caught({ try await embedder.embed(["text"]) })?.kind }
        return await group.next() ?? nil
      }
      #expect(kind == .cancelled)
      #expect(server.record.requests.isEmpty)
    }
  }

}
