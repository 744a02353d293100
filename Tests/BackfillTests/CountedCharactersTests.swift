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
      #expect(ToldTokens(told, of: contents).trusted == nil)
      #expect(ToldTokens(told, of: contents).spent == contents.mostTokens, "the budget counts the most")
    }
    #expect(ToldTokens(stripped - 1, of: contents).trusted == stripped - 1, "any other number is the provider's")
  }

  @Test func `white space within a text is counted`() {
    let text = " \(Self.word)  \(Self.word) "
    let contents = Self.contents([text])
    #expect(ToldTokens(82, of: contents).trusted == nil && ToldTokens(80, of: contents).trusted == 80)
  }

  @Test(arguments: [
    "où est la bibliothèque ?", "e\u{301}té\r\nété\r\n", "日本語 の テキスト", "🏳️‍🌈 👨‍👩‍👧 ok", "\u{600}12 \u{600}34",
    "नमस्ते दुनिया", "a\u{2003}b\u{3000}c\u{85}d",
  ])
  func `each kind of count that isn't tokens is known as such`(_ text: String) {
    let texts = ["\(text) plain words", text]
    let counts = OtherCounts(of: texts)
    func sum(_ count: (String) -> Int) -> Int { texts.reduce(0) { $0 + count($1) } }
    let others = [
      sum(\.utf8.count), sum(\.utf16.count), sum(\.unicodeScalars.count), sum(\.count),
      sum { $0.split(whereSeparator: \.isWhitespace).count },
    ]
    for told in others { #expect(counts.contains(told), "\(told)") }
    for told in 1...(others.max() ?? 1) where !others.contains(told) { #expect(!counts.contains(told), "\(told)") }
  }

  @Test func `white space, ends of sentences and brackets are what Unicode calls so`() {
    for value in 0...0x10FFFF as ClosedRange<UInt32> {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let properties = scalar.properties
      let category = properties.generalCategory
      let isRight =
        scalar.isWhiteSpace == properties.isWhitespace && scalar.isSentenceTerminal == properties.isSentenceTerminal
        && scalar.isClosingPunctuation == [.closePunctuation, .finalPunctuation].contains(category)
        && scalar.isOpeningPunctuation == [.openPunctuation, .initialPunctuation].contains(category)
        && !(value < 0x3000 && properties.isIdeographic)
      if !isRight { Issue.record("U+\(String(value, radix: 16))") }
    }
  }
}
