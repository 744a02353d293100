import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// Behind a balancer one of several servers is broken: a connection that leads to it is not used again.
@Suite(.timeLimit(.minutes(1)))
struct BrokenReplicaTests {
  static let faults: [EmbeddingsServer.Behaviour] = [
    .respond(.init(500, body: "broken")), .respond(.page(502)), .respond(.page(403)), .respond(.init(404)),
    .respond(.init(200, body: "<html>starting</html>")), .respond(.errorInReply(503)),
    .distort(.flawed(.zeros) { _ in true }),
    .distort(.flawed(.notANumber) { $0.hasPrefix("text") }), .distort(.tooFew),
    .resetAfterProcessing, .closeAfterProcessing, .truncate(bodyBytes: 20),
  ]

  @Test(arguments: 0..<faults.count)
  func `a server of which every third connection fails is left at its first fault`(_ index: Int) async throws {
    let gate = EmbeddingsServer.Gate()
    let rules: [EmbeddingsServer.Rule] = [
      .connections(every: 3, Self.faults[index]), .requests(0..<2, .hold(gate, then: .answer)),
    ]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder()
      // The first two connections are held, so that the third request opens the third.
      async let first = embedder.embed(["one", "1"])
      async let second = embedder.embed(["two", "2"])
      try await server.wait { $0.inFlight == 2 }
      #expect(await !Self.isAnswered(embedder, ["text", "other"]), "the fault must happen")
      gate.open()
      _ = try await (first, second)
      for number in 0..<20 where !(await Self.isAnswered(embedder, ["text \(number)", "other"])) {
        #expect(await Self.isAnswered(embedder, ["text \(number)", "other"]), "the next try meets another server")
      }
      let broken = server.record.requests.map(\.connection).filter { $0.isMultiple(of: 3) }
      #expect(!broken.isEmpty)
      #expect(broken.count == Set(broken).count, "no broken connection was used twice: \(broken)")
    }
  }

  @Test func `a rate limit is no reason to leave a connection`() async throws {
    try await EmbeddingsServer.run(rules: [.first(3, .respond(.init(429)))]) { server in
      let embedder = try server.embedder()
      for _ in 0..<3 { _ = await caught { try await embedder.embed(["text"]) } }
      _ = try await embedder.embed(["text"])
      #expect(server.record.acceptedConnections == 1)
    }
  }

  @Test func `requests that are under way go on when their connections are left`() async throws {
    let gate = EmbeddingsServer.Gate()
    let rules: [EmbeddingsServer.Rule] = [
      .texts(where: { $0 == "bad" }, .distort(.flawed(.zeros) { _ in true })),
      .texts(where: { $0 == "slow" }, .hold(gate, then: .answer)),
    ]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder()
      async let slow = embedder.embed(["slow"])
      try await server.wait { $0.inFlight == 1 }
      for _ in 0..<3 { #expect(await caught { try await embedder.embed(["bad"]) }?.kind == .brokenReply) }
      let task = Task { await caught { try await embedder.embed(["slow"]) } }
      try await server.wait { $0.inFlight == 2 }
      task.cancel()
      #expect(await task.value?.kind == .cancelled)
      gate.open()
      #expect(try await slow.vectors.count == 1)
      #expect(try await embedder.embed(["fine"]).vectors.count == 1)
    }
  }

  private static func isAnswered(_ embedder: APIEmbedder, _ texts: [String]) async -> Bool {
    do {
      return try await embedder.embed(texts).unusable.isEmpty
    } catch {
      return false
    }
  }
}
