import Testing

@testable import Backfill

/// Servers without a tokenizer tell characters for tokens, and some of them without the white space at a text's ends.
@Suite struct CountedCharactersTests {
  static let word = String(repeating: "x", count: 40)

  private static func contents(_ texts: [String], isExact: Bool = false) -> Batch.Contents {
    Batch.Contents(inputs: [Input(texts: texts, tokens: texts.map { _ in 10 }, isExact: isExact)], rows: [])
  }

  @Test(arguments: [
    [word], [" \(word)"], ["\(word)\n\n"], ["\t\u{2003}\(word) \r\n"], ["\u{1C}\(word)\u{1F}"],
    ["\u{A0}\(word)", word],
    [" \(word) \(word) ", "ä\u{301} \(word) "], ["  \(word)   ", " a "],
  ])
  func `characters are not believed, with or without the white space at the ends`(_ texts: [String]) {
    let contents = Self.contents(texts)
    let whole = texts.reduce(0) { $0 + $1.unicodeScalars.count }
    let stripped = texts.reduce(0) { sum, text in
      let kept = text.unicodeScalars.drop { $0.properties.isWhitespace || (0x1C...0x1F).contains($0.value) }
      return sum + kept.reversed().drop { $0.properties.isWhitespace || (0x1C...0x1F).contains($0.value) }.count
    }
    for told in [whole, stripped] {
      #expect(contents.trusted(told) == nil)
      #expect(contents.spentTokens(told: told) == contents.mostTokens, "the budget counts the most")
    }
    #expect(contents.trusted(stripped - 1) == stripped - 1, "any other number is the provider's")
  }

  @Test func `white space within a text is counted`() {
    let text = " \(Self.word)  \(Self.word) "
    #expect(Self.contents([text]).trusted(82) == nil && Self.contents([text]).trusted(80) == 80)
  }
}
