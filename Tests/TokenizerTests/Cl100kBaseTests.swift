import Foundation
import TestSupport
import Testing

@testable import Tokenizer

/// The expected ids are tiktoken 0.14's (`encode_ordinary`).
@Suite struct Cl100kBaseTests {
  @Test(
    arguments: [
      ("", []),
      ("hello world", [15339, 1917]),
      ("rer", [38149]),
      ("'rer", [2351, 81]),
      ("today\n ", [31213, 198, 220]),
      ("today\n \n", [31213, 27907]),
      ("today\n  \n", [31213, 14211]),
      (" \u{85}0", [220, 126, 227, 15]),
      ("👍", [9468, 239, 235]),
      ("DON'T", [85741, 17773]),
      ("12345", [4513, 1774]),
      ("1234567", [4513, 10961, 22]),
      ("  a", [220, 264]),
      ("\r\n\r\n", [881]),
      ("\r\n \r\n  x", [319, 2591, 220, 865]),
      ("a\u{3000}b", [64, 23249, 65]),
      ("\u{A0}a", [4194, 64]),
      ("e\u{301}", [68, 54939]),
      ("Привет, мир!", [54745, 28089, 8341, 11, 11562, 78746, 0]),
      ("हिन्दी", [95048, 43411, 101, 31584, 99, 44747]),
      (
        "In the beginning God created the heavens and the earth.",
        [644, 279, 7314, 4359, 3549, 279, 63880, 323, 279, 9578, 13]
      ),
      ("\u{FEFF}", [3305]),
      ("\u{FFFD}", [5809]),
    ] as [(String, [UInt32])])
  func `a text has the ids that tiktoken gives it`(text: String, ids: [UInt32]) throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    #expect(tokenizer.encode(text) == ids)
    #expect(tokenizer.count(text) == ids.count)
  }

  @Test func `a special token is text like any other`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    #expect(tokenizer.encode("hello <|endoftext|>") == [15339, 83739, 8862, 728, 428, 91, 29])
    for special in ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|endofprompt|>"] {
      #expect(tokenizer.encode(special).allSatisfy { $0 < 100_256 })
    }
  }

  @Test(arguments: [("a", 125_000), (" ", 7813), ("^", 250_000), ("0", 333_334), ("\n", 31_250), ("'s", 1_000_000)])
  func `a million of one thing are counted`(thing: String, count: Int) throws {
    #expect(try InstalledVocabulary.tokenizer().count(String(repeating: thing, count: 1_000_000)) == count)
  }

  @Test func `the tokens of any text are its bytes`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    let tokens = try InstalledVocabulary.tokens()
    var random = SeededGenerator.printed()
    for _ in 0..<300 {
      let text = Self.anyText(&random)
      let ids = tokenizer.encode(text)
      #expect(ids.flatMap { tokens[Int($0)] } == Array(text.utf8), "\(text.unicodeScalars.map(\.value))")
      #expect(tokenizer.count(text) == ids.count)
    }
  }

  @Test func `backtracking finds what merging the lowest rank again and again ends with`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    let ranks = Dictionary(uniqueKeysWithValues: try InstalledVocabulary.tokens().enumerated().map { ($1, $0) })
    var random = SeededGenerator.printed()
    for alphabet in ["abcdefghijklmnopqrstuvwxyz", "aeinorst", "ab", "аеинорст", "日本語中文字", "कखगािी"] {
      for _ in 0..<60 {
        // One piece: letters only.
        let text = String(
          (0..<Int.random(in: 1...40, using: &random)).compactMap { _ in alphabet.randomElement(using: &random) })
        guard text.unicodeScalars.allSatisfy({ CharacterClass($0) == .letter }) else { continue }
        #expect(tokenizer.encode(text).map(Int.init) == Self.merge(Array(text.utf8), ranks), "\(text)")
      }
    }
  }

  @Test func `threads share a tokenizer`() async throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    let text = "Привет, мир! " + String(repeating: "supercalifragilistic ", count: 200)
    let expected = tokenizer.count(text)
    let counts = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<64 { group.addTask { tokenizer.count(text) } }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(counts == Array(repeating: expected, count: 64))
  }

  private static func anyText(_ random: inout SeededGenerator) -> String {
    let scalars = (0..<Int.random(in: 0...60, using: &random)).compactMap { _ in
      Unicode.Scalar(
        UInt32.random(in: 0..<[0x80, 0x800, 0x10000, 0x110000].randomElement(using: &random)!, using: &random))
    }
    return String(String.UnicodeScalarView(scalars))
  }

  /// Byte pair encoding by its definition.
  private static func merge(_ piece: [UInt8], _ ranks: [[UInt8]: Int]) -> [Int] {
    if let rank = ranks[piece] { return [rank] }
    var parts = piece.map { [$0] }
    while let (index, _) = parts.indices.dropLast()
      .compactMap({ index in ranks[parts[index] + parts[index + 1]].map { (index, $0) } })
      .min(by: { ($0.1, $0.0) < ($1.1, $1.0) })
    {
      parts[index] += parts.remove(at: index + 1)
    }
    return parts.compactMap { ranks[$0] }
  }
}
