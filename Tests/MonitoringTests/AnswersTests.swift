import Backfill
import FlyingFox
import Foundation
import Ledger
import Pipeline
import Testing

@testable import Monitoring

struct AnswersTests {
  private static let loopback = ListenAddress(host: "127.0.0.1", port: 9464)

  private func answer(
    _ path: String, _ method: HTTPMethod = .GET, host: String? = "127.0.0.1:9464", of monitor: RunMonitor? = nil,
    at address: ListenAddress = loopback
  ) -> FlyingFox.HTTPResponse {
    let request = FlyingFox.HTTPRequest(
      method: method, version: .http11, path: path, query: [], headers: host.map { [.host: $0] } ?? [:], body: Data())
    return Answers(monitor: monitor ?? Self.plain).answer(request, at: address)
  }

  private static let plain = RunMonitor(RunFacts(job: "job", model: "m", version: "1"))

  @Test(arguments: [
    ("9464", "127.0.0.1", 9464), (":9464", "127.0.0.1", 9464), (":0", "127.0.0.1", 0), ("0", "127.0.0.1", 0),
    ("localhost:1", "127.0.0.1", 1), ("0.0.0.0:65535", "0.0.0.0", 65535), ("[::1]:80", "::1", 80),
    ("[::]:80", "::", 80),
  ])
  func `an address is an IP or localhost with a port, and a port alone is on loopback`(
    _ text: String, _ host: String, _ port: Int
  ) throws {
    let address = try #require(ListenAddress(text))
    #expect(address.host == host && Int(address.port) == port)
  }

  @Test(arguments: [
    "", ":", "a", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", ":-1", ":+1", "::1:80", "[127.0.0.1]:80",
    "[]:80", "example.com:80", "http://127.0.0.1:80", "127.1:80", "127.0.0.1:80/metrics", ": 80", "256.0.0.1:80",
  ])
  func `what is no address is refused`(_ text: String) {
    #expect(ListenAddress(text) == nil)
  }

  @Test(arguments: [
    "127.0.0.1:9464", "127.0.0.1", "localhost", "LocalHost:1", "[::1]:9464", "10.0.0.5:9464",
  ])
  func `on loopback an address or localhost is answered`(_ host: String) {
    #expect(answer("/metrics", host: host).statusCode == .ok)
  }

  @Test(arguments: [
    "evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example:9464", "", "[::1",
    "[evil]:80",
    nil,
  ])
  func `on loopback a name that another may resolve is not answered`(_ host: String?) {
    for path in ["/", "/now", "/metrics", "/healthz"] {
      #expect(answer(path, host: host).statusCode == .misdirectedRequest)
    }
  }

  @Test func `on another address a service's name is answered`() {
    let all = ListenAddress(host: "0.0.0.0", port: 9464)
    #expect(answer("/metrics", host: "vecfill.jobs.svc:9464", at: all).statusCode == .ok)
  }

  @Test(arguments: [HTTPMethod.POST, .HEAD, .PUT, .DELETE, .PATCH, .OPTIONS])
  func `nothing can be changed`(_ method: HTTPMethod) {
    for path in ["/", "/now", "/metrics", "/healthz", "/readyz", "/stop"] {
      #expect(answer(path, method).statusCode == .methodNotAllowed)
    }
  }

  @Test func `each answer forbids what the page doesn't need`() {
    for path in ["/", "/now", "/metrics", "/page.css", "/page.js", "/healthz", "/nothing"] {
      let headers = answer(path).headers
      let policy = headers[HTTPHeader("Content-Security-Policy")] ?? ""
      #expect(policy.hasPrefix("default-src 'none'"), "\(path)")
      #expect(!policy.contains("unsafe") && !policy.contains("http"), "\(path)")
      #expect(headers[.cacheControl] == "no-store" && headers[HTTPHeader("X-Content-Type-Options")] == "nosniff")
    }
    #expect(answer("/nothing").statusCode == .notFound)
  }

  @Test func `it is ready only while rows are filled, and alive always`() {
    let monitor = monitor()
    #expect(answer("/healthz", of: monitor).statusCode == .ok)
    #expect(answer("/readyz", of: monitor).statusCode == .serviceUnavailable)
    let board = ProgressBoard()
    monitor.beginRound(board)
    board.show(progress())
    #expect(answer("/readyz", of: monitor).statusCode == .ok)
  }

  static let hostile = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'onload='x", "a&lt;b", "\u{1}\u{202E}",
  ]

  @Test(arguments: hostile)
  func `a hostile name is text on the page`(_ name: String) {
    let monitor = monitor(job: name, model: name, tables: [name])
    let board = ProgressBoard()
    monitor.beginRound(board)
    Told.tell(monitor.observer)
    board.show(progress(written: 10))
    let page = RunPage(picture: monitor.picture)
    for text in [page.document, page.current.text] {
      #expect(!text.contains("<script>") && !text.contains("<img") && !text.contains("'onload"), "\(text)")
      #expect(text.contains("&lt;b&gt;seen&lt;/b&gt; &amp; &quot;heard&quot;"))
      #expect(!text.contains("secret"))
    }
  }

  @Test func `the history of a long run keeps some hundred points, and its rates are right`() throws {
    var history = RunHistory()
    for second in 0...100_000 { history.add(progress(written: 5 * second), at: .seconds(second)) }
    #expect((100...RunHistory.mostPoints + 1).contains(history.points.count))
    #expect(history.perSecond(\.rows).allSatisfy { abs($0 - 5) < 0.001 })
    history.endRound(progress(written: 500_000))
    history.add(progress(written: 10), at: .seconds(101_000))
    #expect(history.points.last?.rows == 500_010)
  }

  @Test(
    arguments: [[], [1], [0, 0, 0], [1, .nan, 5], [.infinity, -3], Array(repeating: 7, count: 500)] as [[Double]])
  func `a chart is drawn from any values`(_ values: [Double]) {
    let (from, to) = (Date(timeIntervalSince1970: 0), Date(timeIntervalSince1970: 90))
    for isBars in [false, true] {
      let text = LineChart(title: "T", values: values, from: from, to: to, limit: 3, isBars: isBars) { "\($0)" }.html
        .text
      #expect(text.isEmpty == values.isEmpty)
      #expect(!text.contains("points=\"nan") && !text.contains("\"inf"))
    }
  }
}
