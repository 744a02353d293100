import Backfill
import EmbeddingAPIs
import TestSupport
import Testing

/// What every `Embedder` keeps, whatever is behind it.
@Suite(.timeLimit(.minutes(1)))
struct EmbedderContractTests {
  struct Adapter: CustomTestStringConvertible {
    /// Nil for the one that asks nobody.
    let dialect: EmbeddingsServer.Dialect?
    var encodings: [VectorEncoding]?

    static let asking: [Adapter] =
      EmbeddingsServer.Dialect.allCases.map { Adapter(dialect: $0) } + [
        Adapter(dialect: .openAI, encodings: [.float]), Adapter(dialect: .openAI, encodings: [.unsaid]),
        Adapter(dialect: .cohere, encodings: [.base64]), Adapter(dialect: .cohere, encodings: [.unsaid]),
        Adapter(dialect: .voyage, encodings: [.float, .unsaid]), Adapter(dialect: .gemini, encodings: [.base64]),
      ]
    static let all = asking + [Adapter(dialect: nil)]

    var testDescription: String {
      ([dialect?.rawValue ?? "local"] + (encodings?.map(\.rawValue) ?? [])).joined(separator: " ")
    }

    func run(_ dimensions: Int = 8, _ body: (any Embedder, EmbeddingsServer) async throws -> Void) async throws {
      var options = EmbeddingsServer.Options()
      options.dimensions = dimensions
      try await EmbeddingsServer.run(options) { server in
        guard let dialect else { return try await body(LocalEmbedder(dimensions: dimensions), server) }
        try await body(try server.embedder(in: dialect) { $0.encodings = encodings ?? $0.encodings }, server)
      }
    }
  }

  static let texts = [
    "plain", "two\nlines \"quoted\" \\ and a tab\t", "naïve café – Füße", "日本語のテキスト", "👩‍👩‍👧 🏳️‍🌈", "العربية والعبرية",
    "\u{0}\u{1F}", String(repeating: "long ", count: 2_000),
  ]

  @Test(arguments: Adapter.all)
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

  @Test(arguments: Adapter.asking)
  func `each vector is the very one that the server made of its text`(_ adapter: Adapter) async throws {
    try await adapter.run(1_536) { embedder, server in
      let reply = try await embedder.embed(Self.texts)
      for (index, text) in Self.texts.enumerated() {
        #expect(reply.vectors[index].elementsEqual(EmbeddingsServer.vector(for: text, dimensions: 1_536)))
      }
      let count = Self.texts.reduce(0) { $0 + EmbeddingsServer.tokens(of: $1) }
      #expect(reply.billedTokens == adapter.dialect?.told(count))
      #expect(server.record.billedTokens == count)
      // The first is for an encoding that is refused, where there is one.
      #expect(reply.requestID == "req_\(server.record.requests.count - 1)" && server.record.requests.count <= 2)
      #expect(server.record.requests.first?.digests == Self.texts.map(TextDigest.init(of:)))
    }
  }

  @Test(arguments: Adapter.all, [1, 8, 1_536])
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

  @Test(arguments: Adapter.all)
  func `texts that are alike have alike vectors, others others`(_ adapter: Adapter) async throws {
    try await adapter.run(64) { embedder, _ in
      let vectors = try await embedder.embed(["same", "other", "same"]).vectors
      #expect(vectors[0].elementsEqual(vectors[2]))
      #expect(!vectors[0].elementsEqual(vectors[1]))
    }
  }

  @Test(arguments: Adapter.all)
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

  @Test(arguments: Adapter.all)
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
