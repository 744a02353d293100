import Backfill
import TestSupport
import Testing

/// How texts are cut into pieces.
@Suite struct TextCutterTests {
  /// Four bytes a token, as English has it.
  static let bytes: @Sendable (String) -> Int = { ($0.utf8.count + 3) / 4 }
  /// Counts that don't grow evenly: words have a token and their ends another.
  static let words: @Sendable (String) -> Int = { text in
    text.split(whereSeparator: \.isWhitespace).reduce(0) { $0 + 1 + $1.utf8.count / 5 }
  }

  static func pieces(
    _ text: String, tokens: Int, overlap: Int = 0, _ count: @escaping @Sendable (String) -> Int = bytes
  ) -> [TextPiece] {
    TextCutter(Cutting(tokens: tokens, overlap: overlap), countSent: count, count: count).pieces(of: text)
  }

  static func texts(_ text: String, tokens: Int, overlap: Int = 0) -> [String] {
    pieces(text, tokens: tokens, overlap: overlap) { $0.count }.map(\.text)
  }

  @Test(arguments: ["", " ", "\n\t \u{3000}\u{2029}"])
  func `a blank text has no piece`(_ text: String) {
    #expect(Self.pieces(text, tokens: 16) == [])
  }

  @Test func `a text that fits is one piece, without the white space at its ends`() {
    #expect(Self.pieces(" \n hello there\u{3000}", tokens: 16) == [TextPiece(text: "hello there", range: 3..<14)])
  }

  @Test(
    arguments: [
      // A paragraph in the second half comes before a sentence and a word behind it.
      ("One two.\n\nThree. Four five", 22, ["One two.\n\nThree.", "Four five"]),
      ("One two three.\n\nFour. Five six", 24, ["One two three.", "Four. Five six"]),
      ("One two three.\r\n\r\nFour. Five six", 24, ["One two three.", "Four. Five six"]),
      // A line's end is as good as a sentence's.
      ("first line here\nsecond line here", 22, ["first line here", "second line here"]),
      ("She said \"No.\" Then she left.", 20, ["She said \"No.\"", "Then she left."]),
      // No sentence in the second half.
      ("Yes. There are many words here", 20, ["Yes. There are many", "words here"]),
      // A full stop inside of a number ends none.
      ("The value is 3.1415926535 now", 18, ["The value is", "3.1415926535 now"]),
      ("今日は良い天気。明日は雨が降る。", 12, ["今日は良い天気。", "明日は雨が降る。"]),
      ("「行こう！」彼は言った。それから", 13, ["「行こう！」彼は言った。", "それから"]),
      // Without spaces, but no comma begins a piece.
      ("一二三四五六七八九，十", 9, ["一二三四五六七八", "九，十"]),
      ("यह एक वाक्य है। यह दूसरा है।", 18, ["यह एक वाक्य है।", "यह दूसरा है।"]),
      ("هل هذا سؤال؟ نعم إنه سؤال", 18, ["هل هذا سؤال؟", "نعم إنه سؤال"]),
      ("a verylongwordwithoutanyend", 16, ["a", "verylongwordwith", "outanyend"]),
    ])
  func `it is cut behind a paragraph, else a sentence, else a word`(_ text: String, _ tokens: Int, _ right: [String]) {
    #expect(Self.texts(text, tokens: tokens) == right)
  }

  @Test(arguments: ["👨‍👩‍👧‍👦", "e\u{301}\u{302}", "🇩🇪", "각", "நி"])
  func `no character is cut, as people see them`(_ character: String) {
    let text = String(repeating: character, count: 60)
    let pieces = Self.pieces(text, tokens: 40, overlap: 8)
    #expect(pieces.count > 1)
    let length = character.unicodeScalars.count
    #expect(pieces.allSatisfy { $0.range.lowerBound % length == 0 && $0.range.upperBound % length == 0 })
  }

  @Test func `a character of more than a piece is cut between Unicode's, and the limit holds`() {
    let text = "a" + String(repeating: "\u{301}", count: 5_000) + " end"
    let pieces = Self.pieces(text, tokens: 20, overlap: 4)
    #expect(pieces.allSatisfy { Self.bytes($0.text) <= 20 })
    #expect(pieces.last?.text.hasSuffix("end") == true)
  }

  @Test func `the next piece begins with the words before the end, as many as make up the overlap`() {
    let pieces = Self.texts("one two three four five six seven", tokens: 16, overlap: 8)
    #expect(pieces == ["one two three", "three four five", "five six seven"])
  }

  @Test func `white space without end costs nothing and hides nothing`() {
    let text = "begin" + String(repeating: " ", count: 100_000) + "end"
    #expect(Self.texts(text, tokens: 16, overlap: 4) == ["begin", "end"])
  }

  @Test func `a text of too many pieces is not cut to its end`() {
    let cutter = TextCutter(Cutting(tokens: 16, overlap: 0), countSent: Self.bytes, count: Self.bytes)
    #expect(cutter.pieces(of: String(repeating: "word ", count: 10_000), atMost: 10).count == 11)
  }

  /// `VECFILL_SEED=17` runs one seed alone, `VECFILL_SEED=0-100000` many.
  static let seeds = HostileWorldTests.isChosen ? HostileWorldTests.seeds : 0...99

  static let alphabet = [
    "word", "a", " ", "  ", "\n", "\n\n", "\r\n", "\t", "Dr. ", "end. ", "why? ", "\"Quote.\" ", "(x) ", "3.14", "…",
    "今日は", "良い。", "「はい」", "、", "สวัสดีครับ", "ဟုတ်ကဲ့", "नमस्ते। ", "سؤال؟ ", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "e\u{301}", "\u{301}\u{302}",
    "\u{200B}", "\u{FEFF}", "\u{2028}", "\u{2029}", "\u{3000}", "\u{A0}", "한국어 ", "x\u{200D}", "ﷺ",
    "aGVsbG8gd29ybGQgdGhpcyBpcyBiYXNlNjQ", String(repeating: "=", count: 90), String(repeating: " ", count: 120),
    "https://example.org/a/b?c=d&e=f", "\u{10FFFF}", "\u{0}",
  ]

  @Test(arguments: seeds)
  func `pieces cover the text without loss, in order, within the limit, and as SQL finds them`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let text = (0..<Int.random(in: 1...400, using: &random)).map { _ in
      Self.alphabet.randomElement(using: &random) ?? ""
    }.joined()
    let tokens = Int.random(in: 16...80, using: &random)
    let overlap = Int.random(in: 0...tokens / 2, using: &random)
    let count = Bool.random(using: &random) ? Self.bytes : Self.words
    let pieces = Self.pieces(text, tokens: tokens, overlap: overlap, count)
    let scalars = Array(text.unicodeScalars)
    func part(_ range: Range<Int>) -> String {
      String(String.UnicodeScalarView(scalars[range]))
    }
    let what = Comment(rawValue: "seed \(seed)")
    var covered = Set<Int>()
    for piece in pieces {
      #expect(Array(piece.text.utf8) == Array(part(piece.range).utf8), what)
      #expect(count(piece.text) <= tokens || piece.range.count == 1, what)
      let ends = [scalars[piece.range.lowerBound], scalars[piece.range.upperBound - 1]]
      #expect(ends.allSatisfy { !$0.properties.isWhitespace }, what)
      covered.formUnion(piece.range)
    }
    #expect(scalars.indices.allSatisfy { covered.contains($0) || scalars[$0].properties.isWhitespace }, what)
    for (piece, next) in zip(pieces, pieces.dropFirst()) {
      #expect(piece.range.lowerBound < next.range.lowerBound && piece.range.upperBound < next.range.upperBound, what)
      if next.range.lowerBound < piece.range.upperBound {
        #expect(count(part(next.range.lowerBound..<piece.range.upperBound)) <= overlap, what)
      }
    }
    #expect(Self.pieces(text, tokens: tokens, overlap: overlap, count) == pieces, what)
  }
}
