import Backfill
import Foundation
import Testing

@testable import EmbeddingAPIs

/// What of a server's words is told: nothing of a text, the key, or a proxy's password.
struct RedactionTests {
  private static func embedder(proxy: String) throws -> APIEmbedder {
    let options = APIEmbedder.Options(
      endpoint: .baseURL("http://h/v1"), apiKey: APIKey("sk-secret-of-mine"), model: "m", dimensions: 2)
    return try APIEmbedder(options, client: HTTPClient(.init(proxy: proxy)))
  }

  @Test(arguments: [
    "http://somebody:PROXYSECRET@127.0.0.1:1", "somebody:PROXYSECRET@127.0.0.1:1",
    "socks5h://somebody:PROXY%53ECRET@127.0.0.1:1", "http://somebody:PROXYSECRET@[::1]:1/",
  ])
  func `a proxy's user and password are told in no form`(_ proxy: String) throws {
    let redaction = try Self.embedder(proxy: proxy).redaction(of: .texts([]))
    let basic = Data("somebody:PROXYSECRET".utf8).base64EncodedString()
    for form in ["PROXYSECRET", "PROXY%53ECRET", "somebody", "proxysecret", basic, "OXYSECR"] {
      #expect(redaction.oneLine("denied with <\(form)>, sorry") == "denied with <…>, sorry")
      #expect(redaction.shown(form) == nil)
    }
    #expect(redaction.oneLine("denied by the proxy") == "denied by the proxy")
  }

  @Test(arguments: ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
  func `the environment's proxies have secrets too`(name: String) {
    let secrets = HTTPClient.Options().proxySecrets([name: "http://me:p%40ss@h:1"])
    #expect(Set(secrets) == ["me", "p%40ss", "p@ss", "bWU6cEBzcw=="])
    #expect(HTTPClient.Options(proxy: "http://h:1").proxySecrets([:]) == [])
  }

  @Test(
    arguments: [
      ("PIN 4711-9", "bad: PIN 4711-9", "bad: …"), ("PIN 4711-9", "bad: 'pin 4711-9'.", "bad: '…'."),
      ("PIN\n4711-9", "bad: PIN 4711-9", "bad: …"), ("Anna", "no Anna, no Annabel", "no …, no Annabel"),
      ("Anna", "no Hanna", "no Hanna"), ("no!", "no! is too short to tell", "no! is too short to tell"),
      ("你好吗", "错误你好吗。", "错误…。"), ("你好吗我是一个人", "错误:吗我是一个人", "错误:…"),
      ("a diary of\n\n today's deeds", "bad: diary of today's deeds!", "bad:…!"),
      ("👩\u{200D}👧 are mother and child", "bad: 👩👧 are mother and", "bad: …"),
      ("vecfill", "vecfill can't be embedded", "vecfill can't be embedded"),
    ])
  func `a text is not told in a sentence, neither a short one nor a part of a long one`(
    _ text: String, _ said: String, _ told: String
  ) {
    var other = Redaction(texts: [], key: nil)
    other.others = ["something else", text]
    #expect(other.oneLine(said) == told)
    #expect(Redaction(texts: [text, "something else"], key: nil).oneLine(said) == told)
  }

  @Test func `what stands far behind in a text is not told either, of an earlier request and of this one`() {
    var recent = RecentTexts()
    let text = String(repeating: "harmless words. ", count: 600) + "(my diary of the ninth of May)"
    recent.add([text])
    recent.add(["another"])
    var other = Redaction(texts: [], key: nil)
    other.others = recent.all
    for redaction in [other, Redaction(texts: [text], key: nil)] {
      #expect(redaction.oneLine("bad: my diary of the ninth of May") == "bad: …")
    }
  }

  @Test(arguments: ["sk-secret-of-mine", "my diary of the ninth of May"])
  func `neither escapes nor characters that nobody sees hide the key or a text`(_ secret: String) {
    let redaction = Redaction(texts: ["my diary of the ninth of May"], key: "sk-secret-of-mine")
    let escaped = secret.utf16.map { "\\u" + String($0, radix: 16).leftPadded(to: 4) }
    let unseen = ["\u{200B}", "\u{2060}", "\u{FEFF}", "\u{AD}", "\u{200D}", "\u{E0020}"]
    let forms =
      [escaped.joined(), escaped.map { "\\" + $0 }.joined(), escaped.joined().uppercased().replacing("U", with: "u")]
      + unseen.map { unseen in secret.map(String.init).joined(separator: unseen) }
      + unseen.map { unseen in escaped.joined(separator: unseen) }
    for form in forms { #expect(redaction.oneLine("bad: \(form)") == "bad: …", "\(form)") }
  }

  @Test func `a word of escapes is told as the characters that it stands for`() {
    let redaction = Redaction(texts: [], key: nil)
    #expect(redaction.oneLine(#"no \u0022model\u0022 \ud83d\ude00 \u12 C:\users"#) == #"no "model" 😀 \u12 C:\users"#)
  }
}

extension String {
  fileprivate func leftPadded(to count: Int) -> String {
    String(repeating: "0", count: max(0, count - self.count)) + self
  }
}
