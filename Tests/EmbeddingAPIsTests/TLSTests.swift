import Backfill
import EmbeddingAPIs
import Foundation
import TestSupport
import Testing

/// TLS against other programs' servers: OpenSSL's, and nghttp2's proxy where it is installed.
@Suite(.timeLimit(.minutes(1)))
struct TLSTests {
  @Test func `a certificate that nobody vouches for is refused before anything is sent`() async throws {
    try await withCertificate(for: "127.0.0.1") { files in
      let printed = try await withOpenSSL(files) { server, port in
        let failure = await caught { try await embedder(port).embed(["embed this"]) }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.mayHaveBeenBilled == false)
        #expect(failure?.reason.contains("signed by nobody known") == true, "\(failure?.reason ?? "")")
        #expect(failure?.reason.hasSuffix("name its CA's certificate in ca_file") == true)
        return try await server.prints("alert")
      }
      #expect(!printed.contains("POST"))
    }
  }

  @Test func `a certificate for another host is refused though its CA is trusted`() async throws {
    try await withCertificate(for: "127.0.0.2") { files in
      try await withOpenSSL(files) { server, port in
        let failure = await caught { try await embedder(port, caFile: files.certificate).embed(["embed this"]) }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.mayHaveBeenBilled == false)
        #expect(failure?.reason.contains("for another host") == true, "\(failure?.reason ?? "")")
        #expect(!server.printed.contains("POST"))
      }
    }
  }

  @Test func `a certificate that has expired is told as such`() async throws {
    try await withCertificate(for: "127.0.0.1", hasExpired: true) { files in
      try await withOpenSSL(files) { server, port in
        let failure = await caught { try await embedder(port, caFile: files.certificate).embed(["embed this"]) }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.reason.contains("has expired") == true, "\(failure?.reason ?? "")")
        #expect(!server.printed.contains("POST"))
      }
    }
  }

  @Test func `a server whose CA is named is spoken to`() async throws {
    try await withCertificate(for: "127.0.0.1") { files in
      try await withOpenSSL(files) { server, port in
        async let reply = embedder(port, caFile: files.certificate).embed(["embed this"])
        let printed = try await server.prints("embed this")
        #expect(printed.contains("POST /v1/embeddings HTTP/1.1"))
        let body = #"{"model":"m","data":[{"index":0,"embedding":[0.5,-0.5]}]}"#
        server.type("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(try await reply.vectors.values == [0.5, -0.5])
      }
    }
  }

  @Test func `plain http to a port that speaks TLS is told as such`() async throws {
    try await withCertificate(for: "127.0.0.1") { files in
      try await withOpenSSL(files) { _, port in
        let options = APIEmbedder.Options(
          endpoint: .baseURL("http://127.0.0.1:\(port)/v1"), model: "m", dimensions: 2)
        let embedder = try APIEmbedder(options, client: HTTPClient(.init(proxy: "")))
        let failure = await caught { try await embedder.embed(["text"]) }
        #expect([.misconfigured, .transient].contains(failure?.kind), "\(String(describing: failure))")
        #expect(failure?.reason.contains("https") == true, "\(failure?.reason ?? "")")
      }
    }
  }

  @Test func `a CA file that can't be read is told as such`() async throws {
    try await EmbeddingsServer.run { server in
      let embedder = try embedder(Int(server.port), caFile: "/nonexistent/ca.pem")
      let failure = await caught { try await embedder.embed(["text"]) }
      #expect(failure?.kind == .misconfigured)
      #expect(failure?.reason.contains("ca_file") == true)
      #expect(failure?.mayHaveBeenBilled == false)
    }
  }

  @Test func `SSL_CERT_FILE names the CA file`() {
    #expect(HTTPClient.Options(environment: ["SSL_CERT_FILE": "/etc/ca.pem"]).caFile == "/etc/ca.pem")
    #expect(HTTPClient.Options(environment: ["SSL_CERT_FILE": ""]).caFile == nil)
    #expect(HTTPClient.Options(environment: [:]).caFile == nil)
  }

  @Test(.enabled(if: Helper.nghttpx.isUsable, "\(Helper.nghttpx.missing)"))
  func `HTTP/2 is spoken over TLS, many requests at once, each with its own vectors`() async throws {
    try await withHTTP2 { server, embedder, _ in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<50 {
          group.addTask {
            let texts = (0..<20).map { "\(number) \($0) " + String(repeating: "x", count: 50 * number) }
            let vectors = try await embedder.embed(texts).vectors
            for (index, text) in texts.enumerated() {
              #expect(vectors[index].elementsEqual(EmbeddingsServer.vector(for: text, dimensions: 1_536)))
            }
          }
        }
        try await group.waitForAll()
      }
      let requests = server.record.requests
      #expect(requests.count == 50)
      #expect(requests.allSatisfy { $0.headers["via"]?.hasPrefix("2 ") == true }, "\(requests.map(\.headers))")
      #expect(server.record.billedTwice == 0)
    }
  }

  @Test(.enabled(if: Helper.nghttpx.isUsable, "\(Helper.nghttpx.missing)"))
  func `a request lost with its HTTP/2 connection is told as possibly billed, and not sent again`() async throws {
    try await withHTTP2 { server, embedder, proxy in
      _ = try await embedder.embed(["first"])
      server.add(.always(.hang))
      async let second = caught { try await embedder.embed(["second"]) }
      try await server.wait { $0.requests.count == 2 }
      try await proxy.end()
      let failure = await second
      // Sent again, it would have found nobody there, and be unreachable.
      #expect(failure?.kind == .transient)
      #expect(failure?.mayHaveBeenBilled == true)
    }
  }

  /// An embedder that reaches the server through nghttpx, over HTTP/2 and TLS.
  private func withHTTP2(
    _ body: (EmbeddingsServer, APIEmbedder, ServerProcess) async throws -> Void
  ) async throws {
    var options = EmbeddingsServer.Options()
    options.dimensions = 1_536
    try await EmbeddingsServer.run(options) { server in
      try await withCertificate(for: "127.0.0.1") { files in
        let port = try freePort()
        try await ServerProcess.run(
          "/usr/sbin/nghttpx", "--conf=/dev/null", "--single-process", "--no-ocsp", "--frontend=127.0.0.1,\(port)",
          "--backend=127.0.0.1,\(server.port)", files.key, files.certificate
        ) { proxy in
          _ = try await proxy.prints("Created worker thread")
          let client = try HTTPClient(.init(proxy: "", caFile: files.certificate))
          let embedder = try server.embedder(.baseURL("https://127.0.0.1:\(port)/v1"), client: client)
          try await body(server, embedder, proxy)
        }
      }
    }
  }

  private struct Files {
    let key: String
    let certificate: String
  }

  private func withCertificate(for address: String, hasExpired: Bool = false, _ body: (Files) async throws -> Void)
    async throws
  {
    let folder = FileManager.default.temporaryDirectory.appending(path: "vecfill-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let files = Files(
      key: folder.appending(path: "key.pem").path, certificate: folder.appending(path: "certificate.pem").path)
    try await ServerProcess.run(
      "sh", "-c",
      """
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout '\(files.key)' \
        -out '\(files.certificate)' -subj /CN=vecfill-test -addext subjectAltName=IP:\(address) -days 2 && echo made
      """
    ) { _ = try await $0.prints("made") }
    if hasExpired {
      let sign =
        "openssl x509 -in '\(files.certificate)' -signkey '\(files.key)' -days -1 -out '\(files.certificate).old'"
      try await ServerProcess.run(
        "sh", "-c", "\(sign) && mv '\(files.certificate).old' '\(files.certificate)' && echo made"
      ) { _ = try await $0.prints("made") }
    }
    try await body(files)
  }

  private func withOpenSSL<Result>(
    _ files: Files, _ body: (ServerProcess, Int) async throws -> Result
  ) async throws -> Result {
    try await ServerProcess.run(
      "openssl", "s_server", "-accept", "127.0.0.1:0", "-key", files.key, "-cert", files.certificate
    ) { server in
      let greeting = try await server.prints("ACCEPT 127.0.0.1:")
      let match = greeting.firstMatch(of: /ACCEPT 127.0.0.1:(\d+)\s/)
      return try await body(server, #require(match.flatMap { Int($0.1) }))
    }
  }

  private func embedder(_ port: Int, caFile: String? = nil) throws -> APIEmbedder {
    let client = try HTTPClient(.init(proxy: "", caFile: caFile))
    let endpoint = Endpoint.baseURL("https://127.0.0.1:\(port)/v1")
    return try APIEmbedder(.init(endpoint: endpoint, model: "m", dimensions: 2), client: client)
  }

  /// A port that nobody listened on a moment ago: nghttpx can't choose one by itself.
  private func freePort() throws -> UInt16 {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) | getsockname(socket, $0, &size) }
    }
    try #require(result == 0)
    return UInt16(bigEndian: address.sin_port)
  }
}
