import Foundation
import TestSupport
import Testing

@testable import EmbeddingAPIs

/// The body of a request, as Foundation's own reader of JSON takes it.
@Suite struct EmbeddingsRequestTests {
  private struct Body: Decodable, Equatable {
    let model: String
    let input: [String]
    let encodingFormat: String?
    let dimensions: Int?

    private enum CodingKeys: String, CodingKey {
      case model, input, dimensions
      case encodingFormat = "encoding_format"
    }
  }

  static let oddTexts = [
    "", " ", "\"", "\\", "\\\"", "/", "\u{0}", "\u{7F}", "\u{2028}\u{2029}", "\u{FEFF}", "\r\n\t", "e\u{301}", "👩‍👩‍👧",
    "\u{10FFFF}",
    "ends with \\", "\\u0041", String((0..<0x20).map { Character(Unicode.Scalar($0)) }), "İıſß", #"],"model":"other"#,
  ]

  @Test(arguments: [(.base64, 256), (.float, nil), (.unsaid, 3_072)] as [(VectorEncoding, Int?)])
  func `odd texts arrive byte by byte`(_ encoding: VectorEncoding, _ dimensions: Int?) throws {
    let request = EmbeddingsRequest(
      model: #"a "model" \ of mine"#, texts: Self.oddTexts, encoding: encoding, encodingField: "encoding_format",
      dimensions: dimensions.map { ("dimensions", $0) })
    let body = try JSONDecoder().decode(Body.self, from: request.json)
    #expect(body.input.map { Array($0.utf8) } == Self.oddTexts.map { Array($0.utf8) })
    #expect(body.model == #"a "model" \ of mine"#)
    #expect(body.encodingFormat == (encoding == .unsaid ? nil : encoding.rawValue) && body.dimensions == dimensions)
  }

  @Test func `texts of any characters arrive byte by byte`() throws {
    var random = SeededGenerator.printed()
    for _ in 0..<200 {
      let texts = (0..<Int.random(in: 1...4, using: &random)).map { _ in Self.text(&random) }
      let request = EmbeddingsRequest(
        model: "m", texts: texts, encoding: .base64, encodingField: "encoding_format")
      let body = try JSONDecoder().decode(Body.self, from: request.json)
      #expect(body.input.map { Array($0.utf8) } == texts.map { Array($0.utf8) })
    }
  }

  private static func text(_ random: inout SeededGenerator) -> String {
    var text = ""
    for _ in 0..<Int.random(in: 0...60, using: &random) {
      let bound: UInt32 = [0x20, 0x80, 0x80, 0x3000, 0x11_0000].randomElement(using: &random) ?? 0x80
      text.unicodeScalars.append(Unicode.Scalar(UInt32.random(in: 0..<bound, using: &random)) ?? "\"")
    }
    return text
  }
}
