import Foundation
import Testing

@testable import Backfill

/// A cut that no tokenizer makes too long.
@Suite struct SafeCutTests {
  /// The most tokens that tokenizers of a kind make of a text.
  enum Worst: CaseIterable {
    /// A token a byte, of the text as it is.
    case bytes
    /// A token a byte, of the text with compatibility characters written out.
    case compatibilityBytes
    /// The same in lower case.
    case smallBytes
    /// A token a character, with accents apart.
    case characters

    func tokens(of text: String) -> Int {
      switch self {
      case .bytes: text.utf8.count
      case .compatibilityBytes: text.precomposedStringWithCompatibilityMapping.utf8.count
      case .smallBytes: text.lowercased().precomposedStringWithCompatibilityMapping.utf8.count
      case .characters: text.decomposedStringWithCompatibilityMapping.unicodeScalars.count
      }
    }
  }

  static let texts = [
    String(repeating: "the quick brown fox ", count: 40), String(repeating: "是的，我明白你的意思。", count: 30),
    String(repeating: "\u{FDFA} ", count: 60), String(repeating: "한국어 문장입니다 ", count: 30),
    String(repeating: "ﬃ½㌖\u{1D160}", count: 50), String(repeating: "İȺΐᾂ", count: 60),
    String(repeating: "क़ख़ग़", count: 50), String(repeating: "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿", count: 20),
    String(repeating: "e\u{301}\u{323}", count: 90),
    String(repeating: "a\r\n\t", count: 90), String(repeating: "ß", count: 500),
  ]

  @Test(arguments: texts, [96, 100, 511])
  func `no part has more tokens than the model takes, by any kind of tokenizer, and together they are the text`(
    text: String, most: Int
  ) {
    let cut = SafeCut(mostTokens: most)
    for prefix in ["", "search_document: ", "\u{FDFA}"] {
      let parts = cut.parts(of: text, behind: prefix)
      #expect(Array(parts.joined().utf8) == Array(text.utf8))
      for part in parts {
        for worst in Worst.allCases { #expect(worst.tokens(of: prefix + part) <= most - 16, "\(worst)") }
      }
      #expect(cut.parts(of: text, behind: prefix, atMost: 1) == Array(parts.prefix(1)))
      #expect(cut.isPassed(by: prefix + text) == (parts.count > 1))
    }
  }

  @Test(arguments: [
    (8_192, 1.0, 8_176), (512, 1, 496), (50, 1, 38), (4, 1, 3), (1, 1, 1), (512, 0.5, 992), (512, 2, 248),
  ])
  func `what servers add of their own is left free, and a model's own ratio gives more room`(
    most: Int, ratio: Double, bytes: Int
  ) {
    #expect(SafeCut(mostTokens: most, tokensPerByte: ratio).mostBytes == bytes)
  }

  @Test func `what fits exactly is not cut, and one byte more is`() {
    let cut = SafeCut(mostBytes: 10)
    #expect(!cut.isPassed(by: "1234567890") && cut.isPassed(by: "12345678901"))
    #expect(cut.parts(of: "1234567890") == ["1234567890"])
    #expect(cut.parts(of: "12345678901") == ["1234567890", "1"])
    #expect(cut.parts(of: "") == [])
  }

  @Test func `a character is never divided, and where none fits there is nothing`() {
    #expect(SafeCut(mostBytes: 5).parts(of: "ééé") == ["éé", "é"])
    #expect(SafeCut(mostBytes: 32).parts(of: "\u{FDFA}") == [])
    #expect(SafeCut(mostBytes: 8).parts(of: "abc", behind: "prefix: ") == [])
    #expect(SafeCut(mostBytes: 9).parts(of: "abc", behind: "prefix: ") == ["a", "b", "c"])
  }

  /// The forms that the weights stand for, by the longest that there is.
  @Test func `no character of Unicode has a longer form than is thought`() {
    for value in (0x80...0x2FFFF).compactMap(Unicode.Scalar.init) where value.properties.generalCategory != .unassigned
    {
      let forms = Worst.allCases.map { $0.tokens(of: String(value)) }
      #expect((forms.max() ?? 0) <= 11 * String(value).utf8.count, "\(value.value)")
    }
  }
}
