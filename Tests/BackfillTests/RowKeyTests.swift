import Backfill
import Foundation
import TestSupport
import Testing

@Suite struct RowKeyTests {
  static func reread(_ key: RowKey) throws -> RowKey {
    try JSONDecoder().decode(RowKey.self, from: JSONEncoder().encode(key))
  }

  /// What makes one character of itself and the sign before it, and what an eager reader takes for something else.
  static let odd = [
    "", ":", "text:", "uuid:x", "42", "\u{301}bad", "\u{352}", "\u{200D}x", "\u{FE0F}", "\u{1F3FD}", "\u{20E3}", "\r\n",
    "\n\u{301}", "e\u{301}", "é", "\u{0}", "\u{1F1E9}\u{1F1EA}", "\u{600}a", "[1]", "\u{FEFF}a", " ",
  ]

  @Test(arguments: odd) func `a key is read as it was written, alone and among others`(text: String) throws {
    for key: RowKey in [.text(text), .composite([.text(text), .integer(-1), .text(text)])] {
      #expect(try Self.reread(key) == key)
    }
  }

  @Test func `so is a key of any characters`() throws {
    var random = SeededGenerator.printed()
    for _ in 0..<2_000 {
      var text = String.UnicodeScalarView()
      while Int.random(in: 0..<4, using: &random) > 0 {
        let most: UInt32 = Bool.random(using: &random) ? 0x3FF : 0x1_FFFF
        if let scalar = Unicode.Scalar(UInt32.random(in: 0...most, using: &random)) { text.append(scalar) }
      }
      let key = RowKey.text(String(text))
      #expect(try Self.reread(key) == key, "\(text.map { String($0.value, radix: 16) })")
    }
  }
}
