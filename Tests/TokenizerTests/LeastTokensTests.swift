import Foundation
import TestSupport
import Testing

@testable import Tokenizer

/// What is said without the vocabulary to be the least number of tokens really is.
@Suite struct LeastTokensTests {
  @Test func `no token is longer than it is taken to be`() throws {
    #expect(try InstalledVocabulary.tokens().map(\.count).max() == Cl100kBase.longestToken)
  }

  @Test func `no chat message has fewer tokens`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    var sharp = 0
    for message in try TokenEstimatorTests.chat() {
      let least = Cl100kBase.leastTokens(in: message.text)
      let count = tokenizer.count(message.text)
      #expect(least <= count, "\(message.text)")
      if least * 2 > count { sharp += 1 }
    }
    // It would be right for 0 too.
    #expect(sharp > 30, "\(sharp)")
  }

  @Test func `no text of odd pieces has fewer tokens`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    let pieces = [
      " ", "  ", "\n", "\r\n", "\t", "\u{0B}", "\u{0C}", "\u{A0}", "\u{2028}", "a", "Z", "'s", "'ll", "'", "7", "1234",
      "-", "----", "─", "é", "я", "中", "\u{301}", "👩‍👩‍👧", "<|endoftext|>", "word", ".", " a", "a b", "_",
    ]
    var random = SeededGenerator.printed()
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
        .joined()
      #expect(Cl100kBase.leastTokens(in: text) <= tokenizer.count(text), "\(Array(text.utf8))")
    }
  }

  @Test(arguments: [
    ("", 0), ("a", 1), ("a b c", 2), (String(repeating: "-", count: 128), 1), (String(repeating: "-", count: 129), 2),
    (String(repeating: " a", count: 9000), 9000), (String(repeating: "\n1", count: 50), 50),
  ])
  func `it is what can be proven`(text: String, least: Int) {
    #expect(Cl100kBase.leastTokens(in: text) == least)
    #expect(TokenEstimator(standsForCl100kBase: true).leastTokens(in: text) == least)
    #expect(TokenEstimator().leastTokens(in: text) == 0)
  }
}
