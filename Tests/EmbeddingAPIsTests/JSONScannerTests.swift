import Backfill
import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

struct JSONScannerTests {
  @Test(arguments: [
    "0", "-0.0", "1", "-1", "0.5", "0.012345679", "-0.012345678901234567", "1e-7", "1E+2", "3.4028235e38", "1e-45",
    "1e-60",
    "123456789012345678901234567890", "0.000000000000000000000000000012345", "6.02214076e23", "1e22", "1e23", "-2.5e-3",
  ])
  func `a number is the nearest Float`(_ text: String) throws {
    let value = try number(text)
    #expect(Float(value) == Float(text))
  }

  @Test func `numbers of both precisions are read back as they were`() throws {
    var random = SeededGenerator.printed()
    for _ in 0..<20_000 {
      let value = Float.random(in: -1...1, using: &random) * Float.random(in: 0...1, using: &random)
      let (short, long) = (try number("\(value)"), try number("\(Double(value))"))
      #expect(Float(short) == value)
      #expect(Float(long) == value)
    }
  }

  @Test(arguments: ["", "-", ".5", "1.", "1.e5", "1e", "1e+", "NaN", "Infinity", "-Infinity", "+1", "x", "0x10", "1 2"])
  func `what is no number is refused`(_ text: String) {
    #expect(throws: JSONScanner.Malformed.self) { try number(text) }
  }

  @Test(arguments: [
    #""""#, #""plain""#, #""a \"quoted\" one""#, #""ends in a backslash \\""#, #""\\\\\"""#,
    #""\u00fc \ud83d\ude00 \/""#,
    #""ü 😀""#,
  ])
  func `a string is what JSONDecoder makes of it`(_ json: String) throws {
    let read = try Data(json.utf8).withUnsafeBytes { bytes in
      var scanner = try JSONScanner(bytes)
      let string = try scanner.string()
      try scanner.end()
      return string
    }
    let expected = try JSONDecoder().decode(String.self, from: Data(json.utf8))
    #expect(read == expected)
  }

  @Test(arguments: [
    #"{}"#, #"[]"#, #" [ 1 , [ ] , { "a" : [ true , false , null ] } ] "#, #"{"a":{"b":"}]\"","c":-1.5e3}}"#,
    #""text""#, "7",
  ])
  func `a value of any kind is stepped over whole`(_ json: String) throws {
    try skip(json)
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1", "[1,", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,", "{a:1}", "\"open", "\"open\\\"", "tru",
    "nul",
    "[1]]", "{} x", "\u{0}", "[1]\u{0}", String(repeating: "[", count: 100_000),
    String(repeating: "{\"a\":", count: 100_000),
  ])
  func `a document that is cut or wrong is refused`(_ json: String) {
    #expect(throws: JSONScanner.Malformed.self) { try skip(json) }
  }

  @Test func `no damage to a reply is taken for another reply of the same texts`() throws {
    let values: [[Float]] = [[0.25, -1.5], [3e-9, 0.125]]
    func base64(_ vector: [Float]) -> String { vector.withUnsafeBytes { Data($0).base64EncodedString() } }
    func document(_ first: String, _ second: String) -> Data {
      Data(#"{"data":[{"index":0,"embedding":\#(first)},{"index":1,"embedding":\#(second)}],"model":"m"}"#.utf8)
    }
    let documents = [
      document("[0.25,-1.5]", "[3e-9,0.125]"), document("\"\(base64(values[0]))\"", "\"\(base64(values[1]))\""),
    ]
    for document in documents {
      let whole = try reply(document)
      #expect(whole.vectors.values == values.flatMap(\.self))
      for length in 0..<document.count {
        #expect(throws: EmbeddingsReply.Broken.self) {
          try reply(document.prefix(length))
        }
      }
      for (position, byte) in document.enumerated() {
        for bit in 0..<8 {
          var damaged = document
          damaged[position] = byte ^ (1 << bit)
          // Whatever is still a reply is one of two finite vectors of two dimensions.
          guard let reply = try? reply(damaged, inPiecesOf: 1 + position % 40) else { continue }
          #expect(reply.vectors.count == 2 && reply.vectors.values.allSatisfy(\.isFinite))
        }
      }
    }
  }

  /// What a document says that comes in pieces.
  private func reply(_ document: Data, inPiecesOf size: Int = 1_000) throws -> EmbeddingsReply {
    var stream = EmbeddingsReplyStream(count: 2, dimensions: 2)
    document.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: size) {
        guard stream.take(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)])) else {
          return
        }
      }
    }
    return try stream.reply()
  }

  private func number(_ text: String) throws -> Double {
    try Data(text.utf8).withUnsafeBytes { bytes throws -> Double in
      var scanner = try JSONScanner(bytes)
      let number = try scanner.number()
      try scanner.end()
      return number
    }
  }

  private func skip(_ json: String) throws {
    try Data(json.utf8).withUnsafeBytes { bytes in
      var scanner = try JSONScanner(bytes)
      try scanner.skip()
      try scanner.end()
    }
  }
}
