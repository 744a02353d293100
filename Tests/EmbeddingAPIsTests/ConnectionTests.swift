import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// How the connections behave, and what is told of a request that brought no reply.
@Suite(.timeLimit(.minutes(1)))
struct ConnectionTests {
  @Test func `requests one after the other share a connection`() async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try server.embedder()
      for number in 0..<10 { _ = try await embedder.embed(["text \(number)"]) }
      #expect(server.record.requests.count == 10)
      #expect(server.record.acceptedConnections == 1)
    }
  }

  @Test(arguments: [(HTTPRequest.Reading.isAnswer, 1), (.isRead, 3), (.isUnclear, 3)])
  func `a connection serves another request only where the reply had what was asked for`(
    reading: HTTPRequest.Reading, connections: Int
  ) async throws {
    try await EmbeddingsServer.run { server in
      let client = try HTTPClient(.init(proxy: ""))
      for _ in 0..<3 {
        var request = HTTPRequest(
          url: "\(server.root)/v1/embeddings",
          headers: [("Content-Type", "application/json"), ("Authorization", "Bearer sk-test")],
          body: Data(#"{"model":"\#(server.options.model)","input":["a"]}"#.utf8), maxReplyBytes: 1 << 20)
        request.reader = { _ in reading }
        _ = try await client.send(request)
      }
      #expect(server.record.requests.count == 3)
      #expect(server.record.acceptedConnections == connections)
    }
  }

  @Test func `requests at once are really under way at once`() async throws {
    let gate = EmbeddingsServer.Gate()
    try await EmbeddingsServer.run(rules: [.always(.hold(gate, then: .answer))]) { server in
      let embedder = try server.embedder()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 { group.addTask { _ = try await embedder.embed(["text \(number)"]) } }
        try await server.wait { $0.inFlight == 8 }
        gate.open()
        try await group.waitForAll()
      }
      #expect(server.record.peakInFlight == 8)
      #expect(server.record.acceptedConnections == 8)
    }
  }

  @Test func `a connection that the server closed while idle is not used again`() async throws {
    try await EmbeddingsServer.run(rules: [.request(0, .truncate(bodyBytes: .max))]) { server in
      let embedder = try server.embedder()
      _ = try await embedder.embed(["first"])
      try await server.wait { $0.openConnections == 0 }
      _ = try await embedder.embed(["second"])
      #expect(server.record.acceptedConnections == 2)
      #expect(server.record.billedTwice == 0)
    }
  }

  /// libcurl would send such a request again by itself, and it would be billed twice unseen.
  @Test(arguments: [EmbeddingsServer.Behaviour.closeAfterProcessing, .resetAfterProcessing])
  func `a request lost on a kept-alive connection is told as possibly billed, and not sent again`(
    _ behaviour: EmbeddingsServer.Behaviour
  ) async throws {
    try await EmbeddingsServer.run(rules: [.request(1, behaviour)]) { server in
      let embedder = try server.embedder()
      _ = try await embedder.embed(["first"])
      let failure = await caught { try await embedder.embed(["second"]) }
      #expect(failure?.kind == .transient)
      #expect(failure?.mayHaveBeenBilled == true)
      let record = server.record
      #expect(record.requests.map(\.connection) == [1, 1], "the fault must strike a connection that is used again")
      #expect(record.billed[TextDigest(of: "second")] == 1)

      _ = try await embedder.embed(["second"])
      #expect(server.record.billedTwice == 1, "what the caller sends again is billed again, and it knows")
    }
  }

  @Test(arguments: [EmbeddingsServer.Behaviour.closeAfterProcessing, .resetAfterProcessing, .resetBeforeProcessing])
  func `a request lost on a new connection is told as possibly billed`(
    _ behaviour: EmbeddingsServer.Behaviour
  ) async throws {
    try await EmbeddingsServer.run(rules: [.always(behaviour)]) { server in
      let embedder = try server.embedder()
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .transient)
      #expect(failure?.mayHaveBeenBilled == true)
      #expect(failure?.status == nil)
      #expect(server.record.requests.count == 1)
    }
  }

  @Test(arguments: [0, 1, 40])
  func `a reply that ends early is transient and possibly billed`(_ bytes: Int) async throws {
    try await EmbeddingsServer.run(rules: [.always(.truncate(bodyBytes: bytes))]) { server in
      let embedder = try server.embedder()
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .transient)
      #expect(failure?.mayHaveBeenBilled == true)
      #expect(server.record.billed.count == 1)
    }
  }

  @Test func `a reply in many small chunks is read like any other`() async throws {
    try await EmbeddingsServer.run(rules: [.always(.dribble(bytes: 7))]) { server in
      let embedder = try server.embedder()
      for text in ["first", "second"] {
        let reply = try await embedder.embed([text])
        #expect(reply.vectors[0].elementsEqual(EmbeddingsServer.vector(for: text, dimensions: 8)))
      }
      #expect(server.record.acceptedConnections == 1)
    }
  }

  @Test func `a port where nobody listens is unreachable, and nothing was billed`() async throws {
    let root = try await EmbeddingsServer.run { $0.root }
    let options = APIEmbedder.Options(endpoint: .baseURL("\(root)/v1"), model: "m", dimensions: 8)
    let embedder = try APIEmbedder(options, client: HTTPClient(.init(proxy: "")))
    let failure = await caught { try await embedder.embed(["text"]) }
    #expect(failure?.kind == .unreachable)
    #expect(failure?.mayHaveBeenBilled == false)
    let port = try #require(URLComponents(string: root)?.port)
    #expect(failure?.reason.contains("connection refused by 127.0.0.1 at port \(port): check the port") == true)
    #expect(failure?.address == "\(root)/v1/embeddings")
  }

  @Test func `a request of another kind names the setting that its URL comes from`() async throws {
    var request = HTTPRequest(url: try await EmbeddingsServer.run { $0.root }, maxReplyBytes: 1)
    request.urlName = "gentle.head"
    let (client, asked) = (try HTTPClient(.init(proxy: "")), request)
    let failure = await #expect(throws: HTTPFailure.self) { try await client.send(asked) }
    #expect(failure?.reason.contains("check the port in gentle.head, and") == true, "\(failure?.reason ?? "")")
  }

  @Test func `a host without an address is unreachable, and nothing was billed`() async throws {
    let options = APIEmbedder.Options(
      endpoint: .baseURL("http://me:pass@embeddings.invalid/v1?tenant=a"), model: "m", dimensions: 8)
    let embedder = try APIEmbedder(options, client: HTTPClient(.init(proxy: "")))
    let failure = await caught { try await embedder.embed(["text"]) }
    #expect(failure?.kind == .unreachable)
    #expect(failure?.reason.hasPrefix("no address is known for embeddings.invalid at port 80: check") == true)
    #expect(failure?.address == "http://embeddings.invalid/v1/embeddings")
    #expect(failure?.mayHaveBeenBilled == false)
  }

  @Test func `TLS to a server that speaks plain HTTP is told as such, and nothing was billed`() async throws {
    try await EmbeddingsServer.run { server in
      let url = server.root.replacing("http://", with: "https://")
      let embedder = try server.embedder(.baseURL("\(url)/v1"))
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .unreachable)
      #expect(failure?.mayHaveBeenBilled == false)
      #expect(failure?.reason.contains("need http in place of https") == true, "\(failure?.reason ?? "")")
      #expect(server.record.acceptedConnections == 1)
    }
  }

  @Test func `a server that never ends the TLS handshake is unreachable after the connect timeout`() async throws {
    let listener = try SilentListener()
    let client = try HTTPClient(.init(connectTimeout: .milliseconds(200), proxy: ""))
    let options = APIEmbedder.Options(
      endpoint: .baseURL("https://127.0.0.1:\(listener.port)/v1"), model: "m", dimensions: 8)
    let embedder = try APIEmbedder(options, client: client)
    let failure = await caught { try await embedder.embed(["text"]) }
    #expect(failure?.kind == .unreachable)
    #expect(failure?.mayHaveBeenBilled == false)
    #expect(failure?.reason.contains("in time") == true, "\(failure?.reason ?? "")")
  }

  @Test(arguments: [EmbeddingsServer.Behaviour.hang, .stall(bodyBytes: 10)])
  func `a reply that does not come in time is timed out and possibly billed`(
    _ behaviour: EmbeddingsServer.Behaviour
  ) async throws {
    try await EmbeddingsServer.run(rules: [.always(behaviour)]) { server in
      let embedder = try server.embedder(client: HTTPClient(.init(timeout: .milliseconds(200), proxy: "")))
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .timedOut)
      #expect(failure?.mayHaveBeenBilled == true)
      try await server.wait { $0.departures == 1 }
    }
  }

  @Test(arguments: [200, 500])
  func `a reply that comes a byte at a time without end is timed out as a whole`(_ status: Int) async throws {
    let trickle = EmbeddingsServer.Behaviour.endless(
      status: status, beginning: "{", rest: " ", every: .milliseconds(20))
    try await EmbeddingsServer.run(rules: [.always(trickle)]) { server in
      let embedder = try server.embedder(client: HTTPClient(.init(timeout: .seconds(3), proxy: "")))
      let began = ContinuousClock.now
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .timedOut)
      #expect(failure?.mayHaveBeenBilled == true)
      #expect(began.duration(to: .now) < .seconds(30))
      try await server.wait { $0.departures == 1 }
      #expect(server.record.endlessPieces > 3, "the fault never happened")
    }
  }

  @Test(arguments: [EmbeddingsServer.Behaviour.hang, .stall(bodyBytes: 10)])
  func `cancelling ends the request at once, and the others go on`(
    _ behaviour: EmbeddingsServer.Behaviour
  ) async throws {
    let gate = EmbeddingsServer.Gate()
    let rules: [EmbeddingsServer.Rule] = [
      .texts(where: { $0 == "bystander" }, .hold(gate, then: .answer)), .always(behaviour),
    ]
    try await EmbeddingsServer.run(rules: rules) { server in
      let embedder = try server.embedder()
      async let bystander = embedder.embed(["bystander"])
      let task = Task { await caught { try await embedder.embed(["text"]) } }
      try await server.wait { $0.inFlight == 2 }
      task.cancel()
      let failure = await task.value
      #expect(failure?.kind == .cancelled)
      #expect(failure?.mayHaveBeenBilled == true)
      try await server.wait { $0.departures == 1 }
      gate.open()
      #expect(try await bystander.vectors.count == 1)
    }
  }

  @Test func `a client that ends closes its connections`() async throws {
    try await EmbeddingsServer.run { server in
      _ = try await server.embedder().embed(["text"])
      try await server.wait { $0.acceptedConnections == 1 && $0.openConnections == 0 }
    }
  }

  @Test func `a request of several megabytes arrives whole and without a pause`() async throws {
    var options = EmbeddingsServer.Options()
    options.maxRequestTokens = .max
    try await EmbeddingsServer.run(options) { server in
      let texts = (0..<100).map { "\($0) " + String(repeating: "ü", count: 15_000) }
      let reply = try await server.embedder().embed(texts)
      #expect(reply.vectors[99].elementsEqual(EmbeddingsServer.vector(for: texts[99], dimensions: 8)))
      #expect(server.record.requests.first?.headers["expect"] == nil)
    }
  }

  @Test func `a reply's body is read up to its bound and no further`() async throws {
    let long = EmbeddingsServer.Response(200, body: String(repeating: "x", count: 10_000))
    try await EmbeddingsServer.run(rules: [.always(.respond(long))]) { server in
      let client = try HTTPClient(.init(proxy: ""))
      var request = HTTPRequest(url: "\(server.root)/v1/embeddings", body: Data("{}".utf8), maxReplyBytes: 1_000)
      let cut = try await client.send(request)
      #expect(cut.isCut && cut.body.count == 1_000 && cut.status == 200)
      request.maxReplyBytes = 10_000
      let whole = try await client.send(request)
      #expect(!whole.isCut && whole.body.count == 10_000)
    }
  }

  @Test func `a proxy is asked for the whole URL, and no name is looked up`() async throws {
    try await EmbeddingsServer.run { server in
      let client = try HTTPClient(.init(proxy: server.root))
      let embedder = try server.embedder(.baseURL("http://embeddings.invalid/v1"), client: client)
      #expect(try await embedder.embed(["text"]).vectors.count == 1)
      #expect(server.record.requests.map(\.target) == ["http://embeddings.invalid/v1/embeddings"])
    }
  }

  @Test func `a proxy that refuses the tunnel for TLS makes the API unreachable`() async throws {
    try await EmbeddingsServer.run { server in
      let client = try HTTPClient(.init(proxy: server.root))
      let embedder = try server.embedder(.baseURL("https://embeddings.invalid/v1"), client: client)
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .unreachable)
      #expect(failure?.mayHaveBeenBilled == false)
      #expect(failure?.reason.contains("the proxy refused a tunnel") == true, "\(failure?.reason ?? "")")
      #expect(server.record.requests.map(\.method) == ["CONNECT"])
      #expect(server.record.requests.first?.headers["authorization"] == nil)
    }
  }

  @Test func `a redirect is not followed`() async throws {
    let elsewhere = EmbeddingsServer.Response(307, headers: [("Location", "/v1/embeddings")])
    try await EmbeddingsServer.run(rules: [.request(0, .respond(elsewhere))]) { server in
      let embedder = try server.embedder()
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .misconfigured)
      #expect(failure?.status == 307)
      #expect(server.record.requests.count == 1)
    }
  }
}
