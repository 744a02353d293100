import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// What proxies and servers put around a reply that no API has there, and what is told of it.
@Suite(.timeLimit(.minutes(1)))
struct OddAnswerTests {
  private static let reply = #"{"data":[{"index":0,"embedding":[1,2]}],"model":"text-embedding-3-small"}"#
  /// The same, by gzip.
  private static let zipped =
    "H4sIAAAAAAACA6tWSkksSVSyiq5WysxLSa1QsjLQUUrNTUpNScnMSweKG+oYxdbG6ijl5qek5ihZKZWkVpTowhXoGusW5ybm5CjVAgAWUvvhSQAAAA=="

  private func outcome(
    _ response: EmbeddingsServer.Response
  ) async throws -> (reply: EmbeddingReply?, failure: EmbeddingFailure?) {
    try await EmbeddingsServer.run(rules: [.always(.respond(response))]) { server in
      let embedder = try server.embedder { $0.dimensions = 2 }
      do {
        return (try await embedder.embed(["vecfill"]), nil)
      } catch let error as EmbeddingFailure {
        return (nil, error)
      }
    }
  }

  @Test(arguments: [true, false])
  func `a reply that is compressed unasked, or begins with a byte order mark, is read`(isCompressed: Bool) async throws
  {
    var response = EmbeddingsServer.Response(200, body: "\u{FEFF}" + Self.reply)
    if isCompressed {
      response = .init(200, headers: [("Content-Encoding", "gzip")])
      response.body = try #require(Data(base64Encoded: Self.zipped))
    }
    let (reply, failure) = try await outcome(response)
    #expect(reply?.vectors.count == 1, "\(failure.map { "\($0)" } ?? "none")")
  }

  @Test(arguments: ["vecfill-none", "x-unheard-of"])
  func `a compression that nobody knows is named`(encoding: String) async throws {
    let failure = try await outcome(.init(200, headers: [("Content-Encoding", encoding)], body: Self.reply)).failure
    #expect(failure?.kind == .misconfigured && failure?.mayHaveBeenBilled == true)
    #expect(failure?.reason.contains("the Content-Encoding \(encoding)") == true, "\(failure?.reason ?? "")")
  }

  @Test(arguments: [400, 500])
  func `bytes that are no text are not told`(status: Int) async throws {
    var response = EmbeddingsServer.Response(status)
    response.body = Data((0..<600).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 31) })
    #expect(try await outcome(response).failure?.serverMessage == nil)
  }

  @Test func `headers that are too long are told as that`() async throws {
    let long = EmbeddingsServer.Response(
      200, headers: [("X-Long", String(repeating: "x", count: 120_000))], body: Self.reply)
    let failure = try await outcome(long).failure
    #expect(failure?.reason.contains("the headers of the reply are too long") == true, "\(failure?.reason ?? "")")
  }

  @Test(arguments: [
    ("https://u:secret@other.example:8443/v2/embeddings?key=secret", "https://other.example:8443/v2/embeddings"),
    ("/login/", "http://127.0.0.1:"), ("//sso.example/a%20b/sk-test", "http://sso.example/…/…"),
  ])
  func `a redirect is told with its place, and with nothing that is secret`(
    location: String, shown: String
  ) async throws {
    let failure = try await outcome(.redirect(to: location)).failure
    #expect(failure?.kind == .misconfigured)
    #expect(failure?.reason.contains("it redirects to \(shown)") == true, "\(failure?.reason ?? "")")
    #expect(failure?.reason.contains("secret") == false && failure?.reason.contains("sk-test") == false)
  }

  @Test func `a proxy that wants a password is told as that, and not as the provider's key`() async throws {
    let failure = try await outcome(.page(407, "Proxy Authentication Required")).failure
    #expect(failure?.kind == .denied)
    let told = failure?.failure(of: "openai").description ?? ""
    #expect(told.contains("the proxy asks for its user and password") && !told.contains("API key"), "\(told)")
  }

  @Test(
    arguments: [
      ("99999999", 31 * 86_400), ("9999999999999999999999", 31 * 86_400),
      ("Fri, 31 Dec 9999 23:59:59 GMT", 31 * 86_400),
      ("60", 60), ("-5", nil), ("soon", nil),
    ] as [(String, Int?)])
  func `a wait that is longer than any counts as the longest`(_ told: String, _ seconds: Int?) {
    var headers = HTTPHeaders()
    headers.add("retry-after", told)
    #expect(headers.retryAfter(now: Date()) == seconds.map { .seconds($0) })
  }

  @Test(arguments: [
    ([:], "http://127.1:1/v1", false), (["http_proxy": ""], "http://127.1:1/v1", false),
    (["http_proxy": "http://p"], "http://127.1:1/v1", true), (["HTTP_PROXY": "http://p"], "http://127.1:1/v1", false),
    (["https_proxy": "http://p"], "http://127.1:1/v1", false), (["HTTPS_PROXY": "http://p"], "https://h/v1", true),
    (["ALL_PROXY": "http://p"], "https://h/v1", true),
  ])
  func `only a proxy that is set can be at fault`(environment: [String: String], url: String, mayBe: Bool) {
    #expect(HTTPClient.Options().mayUseProxy(for: url, environment) == mayBe)
    #expect(HTTPClient.Options(proxy: "http://p").mayUseProxy(for: url, environment))
    #expect(!HTTPClient.Options(proxy: "").mayUseProxy(for: url, environment))
  }

  @Test(arguments: ["http://127.0.0.1:1", "http://127.0.0.2:2", "foo://127.0.0.1:1"])
  func `a proxy that can't be reached is told as that, also one on the API's host`(proxy: String) async throws {
    let options = APIEmbedder.Options(endpoint: .baseURL("http://127.0.0.1:2/v1"), model: "m", dimensions: 2)
    let embedder = try APIEmbedder(options, client: HTTPClient(.init(proxy: proxy)))
    let failure = await caught { try await embedder.embed(["text"]) }
    #expect(failure?.reason == "the proxy can't be reached: check the setting of proxy, and http_proxy")
  }

  @Test func `a protocol that nobody asked for is a failure at once`() async throws {
    let switching = EmbeddingsServer.Response(101, headers: [("Upgrade", "websocket"), ("Connection", "Upgrade")])
    try await EmbeddingsServer.run(rules: [.always(.respond(switching))]) { server in
      let failure = await caught { try await server.embedder().embed(["text"]) }
      #expect(failure?.status == 101 && failure?.kind == .unrecognized, "\(failure?.reason ?? "")")
    }
  }

  @Test(arguments: ["http://[0:0:0:0:0:0:0:1]:1/v1", "http://127.1:1/v1"])
  func `a host in another spelling is no proxy`(url: String) async throws {
    let options = APIEmbedder.Options(endpoint: .baseURL(url), model: "m", dimensions: 2)
    let embedder = try APIEmbedder(options, client: HTTPClient(.init(proxy: "")))
    let failure = await caught { try await embedder.embed(["text"]) }
    #expect(
      failure?.kind == .unreachable && failure?.reason.contains("proxy can't") == false, "\(failure?.reason ?? "")")
  }
}
