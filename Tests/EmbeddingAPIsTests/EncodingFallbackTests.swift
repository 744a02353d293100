import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// Servers that refuse `encoding_format`, in words or without.
@Suite(.timeLimit(.minutes(1)))
struct EncodingFallbackTests {
  static let refusals: [EmbeddingsServer.Response] = [
    .base64Refused, .error(400, type: "invalid_request_error", message: "no", parameter: "encoding_format"),
    .init(422, body: #"{"detail":[{"loc":["body","encoding_format"],"msg":"Input should be 'float'","type":"enum"}]}"#),
    .init(400, body: #"{"error":{"message":"gemini does not support parameters: {'encoding_format': 'base64'}"}}"#),
    .init(415, body: "base64 is not supported"), .init(400, body: "bad request"),
    .init(200, body: #"{"error":{"code":400,"message":"unknown encoding format"}}"#),
  ]

  @Test(arguments: 0..<refusals.count)
  func `a server that refuses base64 is asked for numbers at once, and this is said once`(_ index: Int) async throws {
    let rules = [EmbeddingsServer.Rule.encodingFormat("base64", .respond(Self.refusals[index]))]
    try await EmbeddingsServer.run(rules: rules) { server in
      let told = EmbeddingsServer.Watched<[String]>([])
      let embedder = try Self.embedder(server, told)
      for text in ["first", "second", "third"] {
        let reply = try await embedder.embed([text, "another"])
        #expect(reply.vectors[0].elementsEqual(EmbeddingsServer.vector(for: text, dimensions: 8)))
      }
      #expect(server.record.requests.count == 4, "one request was refused and three were answered")
      #expect(server.record.billedAgain == 2, "only the text that was asked for three times")
      #expect(told.value.count == 1)
      #expect(told.value.first?.contains("encoding_format base64") == true)
      #expect(told.value.first?.contains("as float") == true)
    }
  }

  @Test func `a server that knows no encoding_format at all is asked without it`() async throws {
    let refused = EmbeddingsServer.Response(
      400, body: #"{"error":{"message":"vertex_ai does not support parameters: {'encoding_format': 'float'}"}}"#)
    let rules: [EmbeddingsServer.Rule] = ["base64", "float"].map { .encodingFormat($0, .respond(refused)) }
    try await EmbeddingsServer.run(rules: rules) { server in
      let told = EmbeddingsServer.Watched<[String]>([])
      let embedder = try Self.embedder(server, told)
      for text in ["first", "second"] { #expect(try await embedder.embed([text]).vectors.count == 1) }
      #expect(server.record.requests.count == 4)
      #expect(told.value.count == 1 && told.value.first?.contains("without encoding_format") == true)
    }
  }

  @Test func `many requests at once all fall back, and this is said once`() async throws {
    let gate = EmbeddingsServer.Gate()
    let rules = [EmbeddingsServer.Rule.encodingFormat("base64", .hold(gate, then: .respond(.base64Refused)))]
    try await EmbeddingsServer.run(rules: rules) { server in
      let told = EmbeddingsServer.Watched<[String]>([])
      let embedder = try Self.embedder(server, told)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 { group.addTask { _ = try await embedder.embed(["text \(number)"]) } }
        try await server.wait { $0.inFlight == 8 }
        gate.open()
        try await group.waitForAll()
      }
      #expect(server.record.requests.count == 16)
      #expect(told.value.count == 1)
    }
  }

  @Test func `a text that is refused in unknown words is not tried twice once something was answered`() async throws {
    let refused = EmbeddingsServer.Response(400, body: "no")
    try await EmbeddingsServer.run(rules: [.texts(with: "POISON", .respond(refused))]) { server in
      let embedder = try server.embedder()
      _ = try await embedder.embed(["fine"])
      let failure = await caught { try await embedder.embed(["POISON", "fine"]) }
      #expect(failure?.kind == .badInput)
      #expect(server.record.requests.count == 2)
    }
  }

  @Test func `a text that is refused before any answer costs one more try, and keeps its refusal`() async throws {
    let refused = EmbeddingsServer.Response(400, body: "no")
    try await EmbeddingsServer.run(rules: [.texts(with: "POISON", .respond(refused))]) { server in
      let told = EmbeddingsServer.Watched<[String]>([])
      let embedder = try Self.embedder(server, told)
      for _ in 0..<3 {
        #expect(await caught { try await embedder.embed(["POISON", "fine"]) }?.kind == .badInput)
      }
      #expect(server.record.requests.count == 4)
      _ = try await embedder.embed(["fine"])
      #expect(told.value.isEmpty)
    }
  }

  @Test(arguments: [401, 403, 404, 413, 429, 500])
  func `a refusal of another kind is not taken for one of the encoding`(_ status: Int) async throws {
    let refused = EmbeddingsServer.Response(status, body: "base64")
    try await EmbeddingsServer.run(rules: [.always(.respond(refused))]) { server in
      let embedder = try server.embedder()
      #expect(await caught { try await embedder.embed(["text"]) }?.status == status)
      #expect(server.record.requests.count == 1)
    }
  }

  @Test func `a refusal that comes after another request has found the way is followed by it`() async throws {
    let gate = EmbeddingsServer.Gate()
    let refusal = EmbeddingsServer.Behaviour.respond(.init(400, body: "bad request"))
    let rules: [EmbeddingsServer.Rule] = [
      .request(0, .hold(gate, then: refusal)), .encodingFormat("base64", refusal),
    ]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder()
      async let late = embedder.embed(["late", "later"])
      try await server.wait { $0.inFlight == 1 }
      #expect(try await embedder.embed(["first"]).vectors.count == 1)
      gate.open()
      #expect(try await late.vectors.count == 2)
      #expect(server.record.requests.count == 4)
    }
  }

  static func embedder(
    _ server: EmbeddingsServer, _ told: EmbeddingsServer.Watched<[String]>
  ) throws -> APIEmbedder {
    let options = APIEmbedder.Options(
      endpoint: .baseURL("\(server.root)/v1"), apiKey: APIKey("sk-test"), model: server.options.model,
      dimensions: 8)
    return try APIEmbedder(
      options, client: HTTPClient(.init(proxy: "")), notify: { line in told.update { $0.append(line) } })
  }
}
