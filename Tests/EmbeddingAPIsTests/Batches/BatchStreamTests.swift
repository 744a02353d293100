import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// Large files on their way up and down: neither is ever in memory as a whole.
@Suite(.timeLimit(.minutes(1)))
struct BatchStreamTests {
  @Test(arguments: BatchDialect.allCases, [1, 100_000, 9_000_000])
  func `a file is uploaded byte for byte under its name`(_ dialect: BatchDialect, _ bytes: Int) async throws {
    try await EmbeddingsServer.run { server in
      let folder = try TemporaryFolder()
      let content = Data((0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
      try content.write(to: URL(fileURLWithPath: folder.file("in.jsonl")))
      let name = "vecfill-\"a\"\r\n-ü.jsonl"
      let id = try await server.batches(dialect).upload(folder.file("in.jsonl"), as: name)
      let file = try #require(server.uploadedFile(id))
      #expect(file.name == (dialect == .gemini ? name : "vecfill-a-.jsonl") && file.content == content)
    }
  }

  @Test(arguments: BatchDialect.allCases)
  func `a file that isn't there is told before anything is sent`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      let failure = await batchFailure { try await server.batches(dialect).upload("/nowhere/in.jsonl", as: "a.jsonl") }
      #expect(failure?.kind == .misconfigured && failure?.reason.contains("No such file") == true)
      #expect(server.batchLog.calls.isEmpty)
    }
  }

  @Test func `a transfer is held up while nobody takes its bytes, and goes on where it was`() async throws {
    var options = EmbeddingsServer.Options()
    options.dimensions = 1_536
    try await EmbeddingsServer.run(options) { server in
      // 3,000 vectors in base64 have 25 MB.
      let scene = try BatchScene(.openAI, server, lines: 1_000)
      let batch = try await scene.run()
      let inflow = Inflow()
      var request = HTTPRequest(
        url: "\(server.root)/v1/files/\(try #require(batch.outputFile))/content",
        headers: [("Authorization", "Bearer sk-test")], maxReplyBytes: 1)
      request.inflow = inflow
      request.mayTakeLong = true
      let client = try HTTPClient(.init(proxy: ""))
      let toSend = request
      async let response = client.send(toSend)
      while !inflow.isFull { await Task.yield() }
      let first = try #require(await inflow.next())
      let held = first.reduce(0) { $0 + $1.count }
      #expect(held >= Inflow.mostBytes && held < Inflow.mostBytes + 1 << 18)
      async let rest = bytes(of: inflow)
      #expect(try await response.status == 200)
      inflow.end()
      let all = held + (await rest)
      #expect(all > 24_000_000)
      let lines = EmbeddingsServer.Watched(0)
      _ = try await server.batches(.openAI) { $0.dimensions = 1_536 }.answers(
        in: try #require(batch.outputFile), count: { _ in 3 }
      ) { answer in
        guard case .reply(_, let reply) = answer, reply.vectors.count == 3 else { return }
        lines.update { $0 += 1 }
      }
      #expect(lines.value == 1_000)
    }
  }

  @Test(arguments: [true, false])
  func `a transfer that may take long ends all the same where nothing moves`(_ hasInflow: Bool) async throws {
    try await EmbeddingsServer.run(rules: [.always(.stall(bodyBytes: 10))]) { server in
      let client = try HTTPClient(.init(timeout: .seconds(1), proxy: ""))
      let body = #"{"model":"text-embedding-3-small","input":["text"]}"#
      var request = HTTPRequest(
        url: "\(server.root)/v1/embeddings", headers: [("Authorization", "Bearer sk-test")], body: Data(body.utf8),
        maxReplyBytes: 1_000)
      request.mayTakeLong = true
      if hasInflow { request.inflow = Inflow() }
      let toSend = request
      let failure = await #expect(throws: HTTPFailure.self) { try await client.send(toSend) }
      #expect(failure?.cause == .timedOut)
      try await server.wait { $0.departures == 1 }
    }
  }

  private func bytes(of inflow: Inflow) async -> Int {
    var count = 0
    while let pieces = await inflow.next() { count += pieces.reduce(0) { $0 + $1.count } }
    return count
  }

  @Test(arguments: [true, false])
  func `a fetch ends at once when its task is cancelled or its body throws`(_ isCancelled: Bool) async throws {
    struct Enough: Error {}
    try await EmbeddingsServer.run { server in
      let scene = try BatchScene(.openAI, server, lines: 2_000)
      let file = try #require(try await scene.run().outputFile)
      let gate = EmbeddingsServer.Watched(false)
      let task = Task {
        try await scene.provider.answers(in: file, count: { _ in 3 }) { _ in
          gate.update { $0 = true }
          guard isCancelled else { throw Enough() }
          try await Task.sleep(for: .seconds(60))
        }
      }
      try await gate.wait { $0 }
      task.cancel()
      await #expect(throws: (any Error).self) { try await task.value }
    }
  }

  @Test(arguments: [
    Endpoint.azure(resource: "https://r.openai.azure.com", deployment: "d"),
    .azureClassic(resource: "https://r.openai.azure.com", deployment: "d"),
  ])
  func `Azure is refused`(endpoint: Endpoint) throws {
    let options = APIEmbedder.Options(endpoint: endpoint, model: "m", dimensions: 2)
    let embedder = try APIEmbedder(options, client: HTTPClient(.init(proxy: "")))
    let limits = BatchFileLimits(bytes: 1, inputs: 1, lines: 1)
    let failure = #expect(throws: Failure.self) { try OpenAIBatches(embedder, BatchOptions(limits: limits)) }
    #expect(failure?.exitCode == .configuration && failure?.description.contains("azure") == true)
  }

  @Test(arguments: [BatchDialect.openAI, .mistral])
  func `a line is the request that the synchronous API gets, under its id`(dialect: BatchDialect) async throws {
    try await EmbeddingsServer.run { server in
      func adjust(_ options: inout APIEmbedder.Options) {
        options.dimensionsField = "dimensions"
        options.documentFields = ["input_type": .string("document")]
        options.queryFields = ["input_type": .string("query")]
        options.body = ["user": .string("a \"b\"\n")]
      }
      let texts = ["one \"two\"\n", "drei ü \u{1F600}"]
      let line = try server.batches(dialect, adjust).line("id-\"1\"", texts)
      #expect(line.last == 0x0A && line.count { $0 == 0x0A } == 1)
      let json = try JSONDecoder().decode(JSONValue.self, from: Data(line))
      let body: JSONValue = .object([
        "model": .string("text-embedding-3-small"), "input": .array(texts.map(JSONValue.string)),
        "dimensions": .integer(8), "encoding_format": .string("base64"), "input_type": .string("document"),
        "user": .string("a \"b\"\n"),
      ])
      var members: [String: JSONValue] = ["custom_id": .string("id-\"1\""), "body": body]
      if dialect == .openAI { members.merge(["method": .string("POST"), "url": .string("/v1/embeddings")]) { $1 } }
      #expect(json == .object(members))
    }
  }
}
