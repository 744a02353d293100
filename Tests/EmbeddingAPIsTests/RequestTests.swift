import Backfill
import CRelease
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// What goes out: addresses, headers, bodies.
@Suite(.timeLimit(.minutes(1)))
struct RequestTests {
  @Test(arguments: [
    ("/v1", "/v1/embeddings"), ("/v1/", "/v1/embeddings"), ("", "/embeddings"),
    ("/gateway/v1?tenant=a", "/gateway/v1/embeddings?tenant=a"),
  ])
  func `the path is put behind the base URL's own`(_ base: String, _ target: String) async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder(.baseURL(server.root + base))
      _ = await caught { try await embedder.embed(["text"]) }
      #expect(server.record.requests.map(\.target) == [target])
    }
  }

  @Test func `OpenAI is told the key, the organisation and the project in its headers`() async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder {
        $0.headers = [("OpenAI-Organization", APIKey("org-1")), ("OpenAI-Project", APIKey("proj_1"))]
      }
      _ = try await embedder.embed(["text"])
      let headers = try #require(server.record.requests.first).headers
      #expect(headers["authorization"] == "Bearer sk-test")
      #expect(headers["openai-organization"] == "org-1")
      #expect(headers["openai-project"] == "proj_1")
      #expect(headers["content-type"] == "application/json")
    }
  }

  @Test func `each request names vecfill and its version`() async throws {
    try await EmbeddingsServer.run { server in
      _ = try await server.embedder().embed(["text"])
      #expect(server.record.requests.map { $0.headers["user-agent"] } == ["vecfill/\(VECFILL_VERSION)"])
    }
  }

  @Test func `a server without keys is sent none`() async throws {
    var options = EmbeddingsServer.Options()
    options.apiKey = nil
    try await EmbeddingsServer.run(options) { server in
      _ = try await server.embedder().embed(["text"])
      #expect(server.record.requests.first?.headers["authorization"] == nil)
    }
  }

  @Test(arguments: [
    (true, "/openai/deployments/embed-prod/embeddings?api-version=2024-10-21"), (false, "/openai/v1/embeddings"),
  ])
  func `Azure is asked at its own paths, with its own header for the key`(
    _ isClassic: Bool, _ target: String
  ) async throws {
    try await EmbeddingsServer.run { server in
      let resource = server.root + "/"
      let endpoint: Endpoint =
        isClassic
        ? .azureClassic(resource: resource, deployment: "embed-prod")
        : .azure(resource: resource, deployment: "embed-prod")
      _ = try await server.embedder(endpoint).embed(["text"])
      let request = try #require(server.record.requests.first)
      #expect(request.target == target)
      #expect(request.headers["api-key"] == "sk-test")
      #expect(request.headers["authorization"] == nil)
    }
  }

  @Test(arguments: [false, true])
  func `dimensions are asked for only where the options say so`(_ sends: Bool) async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder {
        $0.dimensions = 4
        $0.dimensionsField = sends ? "dimensions" : nil
      }
      if sends {
        #expect(try await embedder.embed(["text"]).vectors.dimensions == 4)
      } else {
        #expect(await caught { try await embedder.embed(["text"]) }?.kind == .brokenReply)
      }
    }
  }

  @Test(arguments: [
    "", "api.openai.com/v1", "ftp://api.openai.com/v1", "https://", "file:///etc/passwd", "http://a b/",
  ])
  func `a base URL that is none is a failure of configuration`(_ url: String) throws {
    let client = try HTTPClient()
    let options = APIEmbedder.Options(endpoint: .baseURL(url), model: "m", dimensions: 8)
    let failure = #expect(throws: Failure.self) { try APIEmbedder(options, client: client) }
    #expect(failure?.exitCode == .configuration)
  }

  @Test(arguments: ["sk-secret\r\nX-Evil: 1", "sk-secret\n", "sk-\u{0}secret"])
  func `a key that would break the header is refused and not told`(_ key: String) throws {
    let client = try HTTPClient()
    let options = APIEmbedder.Options(apiKey: APIKey(key), model: "m", dimensions: 8)
    let failure = #expect(throws: Failure.self) { try APIEmbedder(options, client: client) }
    #expect(failure?.exitCode == .configuration)
    #expect(failure.map { "\($0)".contains("secret") } == false)
  }

  @Test func `printing or dumping the options does not show the key`() {
    var options = APIEmbedder.Options(apiKey: APIKey("sk-secret"), model: "m", dimensions: 8)
    options.headers = [("X-Token", APIKey("sk-secret too"))]
    var dumped = ""
    dump(options, to: &dumped)
    for text in [dumped, "\(options)", String(reflecting: options), "\(APIKey("sk-secret"))"] {
      #expect(!text.contains("sk-secret"))
      #expect(!text.isEmpty)
    }
  }

  @Test func `the job's own fields win over all others but never say what the job's settings say`() async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder {
        $0.fields = ["a": .integer(1), "b": .integer(1), "c": .integer(1)]
        $0.documentFields = ["b": .integer(2), "c": .integer(2)]
        $0.body = ["c": .object(["x": .array([.null, .number(0.5), .boolean(true), .string("a \"b\"")])])]
      }
      _ = try await embedder.embed(["text"])
      let fields = try #require(server.record.requests.first).fields
      #expect(fields["a"] == .integer(1) && fields["b"] == .integer(2))
      #expect(fields["c"] == .object(["x": .array([.null, .number(0.5), .boolean(true), .string("a \"b\"")])]))
      for name in ["model", "input", "dimensions", "encoding_format"] {
        let failure = #expect(throws: Failure.self) { try server.embedder { $0.body = [name: .string("x")] } }
        #expect(failure?.exitCode == .configuration)
        #expect(failure.map { "\($0)".contains(name) } == true)
      }
    }
  }

  @Test(arguments: [("X-A", "b\r\nX-Evil: 1"), ("X-A\r\nX-Evil", "b"), ("", "b"), ("X A", "b"), ("X:A", "b")])
  func `a header that can't be sent as it is is refused`(_ name: String, _ value: String) throws {
    var options = APIEmbedder.Options(model: "m", dimensions: 8)
    options.headers = [(name, APIKey(value))]
    let client = try HTTPClient()
    let failure = #expect(throws: Failure.self) { try APIEmbedder(options, client: client) }
    #expect(failure?.exitCode == .configuration)
  }

  @Test(arguments: ["gemini-embedding-001", "models/gemini-embedding-001"])
  func `Gemini's model stands in the path and in each request`(_ model: String) async throws {
    var options = EmbeddingsServer.Options()
    options.model = "gemini-embedding-001"
    try await EmbeddingsServer.run(options) { server in
      _ = try await server.embedder(in: .gemini) { $0.model = model }.embed(["one", "two"])
      let request = try #require(server.record.requests.first)
      #expect(request.target == "/v1beta/models/gemini-embedding-001:batchEmbedContents")
      #expect(request.fields["model"] == .string("models/gemini-embedding-001"))
    }
  }
}
