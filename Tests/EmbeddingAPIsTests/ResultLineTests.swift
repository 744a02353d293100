import Backfill
import Foundation
import Testing

@testable import EmbeddingAPIs

/// A line of vectors is read as what it says, or refused with what is wrong with it.
@Suite struct ResultLineTests {
  static let ticket = RowTicket(source: 0, tag: "abcdefgh", key: .integer(7), digest: TextDigest(of: "seven"))

  static func read(_ line: String) -> ResultLine { ResultLineReader.read(Array(line.utf8), dimensions: 2) }

  static func output(_ data: String, status: Int = 200, error: String = "null") -> String {
    """
    {"id":"batch_req_1","custom_id":"\(ticket)","response":{"status_code":\(status),"request_id":"r","body":\
    {"object":"list","data":[\(data)],"model":"m","usage":{"prompt_tokens":3,"total_tokens":4}}},"error":\(error)}
    """
  }

  @Test(
    arguments: [
      RowKey.integer(0), .integer(.max), .integer(.min), .uuid(UUID()), .text(""), .text("a.b\"\n\u{0}é 🙂 e\u{301}"),
      .text("7"), .bytes([0, 255]), .composite([.integer(1), .text("."), .uuid(UUID())]),
    ], [[], [3, 12]])
  func `a ticket is read as it was written`(key: RowKey, weights: [Int]) {
    let ticket = RowTicket(source: 2, tag: "ab-_0123", key: key, digest: TextDigest(of: "x"), weights: weights)
    let text = "\(ticket)"
    #expect(RowTicket(text) == ticket)
    #expect(text.utf8.allSatisfy { UInt8(ascii: "0") <= $0 || [UInt8(ascii: "-"), UInt8(ascii: ".")].contains($0) })
  }

  @Test(arguments: [
    "", "vf1", "vf2.0.t.1.\(String(repeating: "A", count: 43))", "vf1.-1.t.1.\(String(repeating: "A", count: 43))",
    "vf1.0.t.x.\(String(repeating: "A", count: 43))", "vf1.0.t.1.AAAA",
    "vf1.0.t.kAAAA.\(String(repeating: "A", count: 43))",
    "vf1.0.t.1.\(String(repeating: "A", count: 43)).5", "vf1.0.t.1.\(String(repeating: "A", count: 43)).0-1",
    "vf1.0.t.1.\(String(repeating: "A", count: 43)).1-2.3", "request-1",
  ])
  func `what is no ticket is none`(text: String) { #expect(RowTicket(text) == nil) }

  @Test(arguments: [
    (output(#"{"index":0,"embedding":[0.5,-1e0]}"#), [[Float(0.5), -1]]),
    (output(#"{"embedding":"AAAAPwAAgL8="}"#), [[0.5, -1]]),
    (output(#"{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2]}"#), [[1, 2], [3, 4]]),
    (output(#"{"index":0,"embedding":[NaN,Infinity]}"#), [[.nan, .infinity]]),
  ])
  func `a provider's output is read in the order of the texts`(line: String, vectors: [[Float]]) {
    for line in [line, line + "\r", "\u{FEFF}" + line] {
      guard case .vectors(let read) = Self.read(line) else {
        Issue.record("\(Self.read(line))")
        continue
      }
      #expect(read.row == .ticket(Self.ticket) && read.model == "m" && read.tokens == 3)
      #expect("\(read.vectors)" == "\(vectors)")
    }
  }

  @Test(arguments: [
    (#""key":7,"digest":"DIGEST""#, ResultLine.Key.integer(7)),
    (#""key":"a\u0022b","digest":"\\xDIGEST","model":null"#, .text("a\"b")),
    (#""key":[1,"b"],"text":"seven""#, .list([.integer(1), .text("b")])),
    (#""digest":"DIGEST","unknown":{"a":[1]},"key":9223372036854775807"#, .integer(.max)),
  ])
  func `a line of a key, a digest or a text, and a vector is read`(members: String, key: ResultLine.Key) {
    let digest = TextDigest(of: "seven")
    let line = "{\(members.replacing("DIGEST", with: digest.bytes.hex)),\"table\":\"t\",\"embedding\":[1,2]}"
    #expect(
      Self.read(line)
        == .vectors(.init(row: .key(key, table: "t", digest: digest), vectors: [[1, 2]], model: nil, tokens: nil)))
  }

  @Test(arguments: [
    ("{", "not JSON"), ("nonsense", "no JSON object"), ("[1]", "no JSON object"), ("{} {}", "not JSON"),
    (output(#"{"index":0,"embedding":[1,2"#), "not JSON"),
    (#"{"key":1,"digest":"00","vector":[1]}"#, "no SHA-256"),
    (#"{"key":1,"vector":[1]}"#, "neither a digest nor a text"),
    (#"{"text":"a","vector":[1]}"#, "neither a custom_id nor a key"), (#"{"key":1,"text":"a"}"#, "no vector"),
    (#"{"custom_id":"mine","vector":[1]}"#, "none that `vecfill export` wrote"),
    (#"{"key":1.5,"text":"a","vector":[1]}"#, "neither a custom_id nor a key"),
    (#"{"key":1,"text":"a","vector":[1,null]}"#, "is no number"), (#"{"key":1,"text":"a","vector":"AAA"}"#, "base64"),
    (#"{"key":1,"text":"a","vector":"????"}"#, "base64"), (#"{"key":1,"text":"a","vector":{}}"#, "neither a list"),
    (output(#"{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}"#), "not numbered"),
    (output(#"{"index":0}"#), "no vector"), (output(""), "no vector"),
    ("{\"a\":" + String(repeating: "[", count: 100_000), "not JSON"),
    ("{\"key\":" + String(repeating: "[", count: 100_000), "not JSON"),
  ])
  func `a wrong line is refused with what is wrong`(line: String, reason: String) {
    guard case .refused(let told) = Self.read(line) else {
      Issue.record("\(Self.read(line))")
      return
    }
    #expect(told.contains(reason), "\(told)")
  }

  @Test(arguments: [
    (output("", status: 429), "status 429"),
    (output("", error: #"{"code":"batch_expired","message":"secret text"}"#), "error batch_expired"),
    (output("", error: #""secret text""#), "an error"),
    (
      #"{"custom_id":"x","response":{"status_code":400,"body":{"error":{"message":"secret"}}},"error":null}"#,
      "an error"
    ),
  ])
  func `a failure is told by its code and never by its words`(line: String, reason: String) {
    guard case .failed(let told) = Self.read(line) else {
      Issue.record("\(Self.read(line))")
      return
    }
    #expect(told.contains(reason) && !told.contains("secret"), "\(told)")
  }

  @Test func `an export's own line and an empty one are no results`() {
    let line = RequestLine(model: "m", dimensions: ("dimensions", 8), fields: ["a": .integer(1)], asksForBase64: true)
    let bytes = line.bytes(Self.ticket, ["one \"line\"\r\nand \u{2028}\u{2029}\u{85}\u{B} another"])
    // One line also to programs that know more line breaks than JSON does.
    #expect(String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).count == 1)
    #expect(String(decoding: bytes, as: UTF8.self).contains(#"\r\nand \u2028\u2029\u0085\u000b another"#))
    #expect(bytes.last == 0x0A && !bytes.dropLast().contains(0x0A))
    #expect(ResultLineReader.read(bytes.dropLast(), dimensions: 2) == .request)
    #expect(
      String(decoding: bytes, as: UTF8.self).hasPrefix(
        "{\"custom_id\":\"\(Self.ticket)\",\"method\":\"POST\",\"url\":\"/v1/embeddings\",\"body\":{\"model\":\"m\",\"input\":["
      ))
    for line in ["", " \r", "\u{FEFF}"] { #expect(Self.read(line) == .blank) }
  }

  @Test(arguments: [
    (ResultLine.Key.text("7"), RowKey.Kind.integer, RowKey?.some(.integer(7))), (.integer(7), .text, .text("7")),
    (.text("x"), .integer, nil), (.text("\\x00ff"), .bytes, .bytes([0, 255])), (.text("00ff"), .bytes, nil),
    (.list([.integer(1)]), .integer, .integer(1)), (.text("x"), .uuid, nil),
    (.list([.integer(1), .text("a")]), .composite([.integer, .text]), .composite([.integer(1), .text("a")])),
    (.list([.integer(1)]), .composite([.integer, .text]), nil), (.integer(1), .composite([.integer, .text]), nil),
  ])
  func `a key is taken for what the table's key is`(key: ResultLine.Key, kind: RowKey.Kind, row: RowKey?) {
    #expect(key.key(of: kind) == row)
  }
}
