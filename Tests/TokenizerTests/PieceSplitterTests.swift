import Testing

@testable import Tokenizer

@Suite struct PieceSplitterTests {
  /// The expected pieces are those of the pattern itself, found by the `regex` module of PyPI.
  @Test(arguments: [
    ("hello world", ["hello", " world"]),
    ("don't we'LL they've I'm", ["don", "'t", " we", "'LL", " they", "'ve", " I", "'m"]),
    ("you're he'd it's", ["you", "'re", " he", "'d", " it", "'s"]),
    ("'sx 'Sx 'l 'v", ["'s", "x", " '", "Sx", " '", "l", " '", "v"]),
    ("'\u{17F}x", ["'\u{17F}", "x"]),
    ("x'", ["x", "'"]),
    ("' s", ["'", " s"]),
    ("''s", ["''", "s"]),
    ("'\u{301}s", ["'\u{301}", "s"]),
    ("12345678 \u{663}\u{664}\u{665}\u{666}", ["123", "456", "78", " ", "\u{663}\u{664}\u{665}", "\u{666}"]),
    ("\u{2167}\u{BD}\u{B2}", ["\u{2167}\u{BD}\u{B2}"]),
    ("a  b   c", ["a", " ", " b", "  ", " c"]),
    ("a \n b\r\n\r\n  c\t", ["a", " \n", " b", "\r\n\r\n", " ", " c", "\t"]),
    ("   ", ["   "]),
    ("\n\n", ["\n\n"]),
    ("\n x", ["\n", " x"]),
    ("x \r", ["x", " \r"]),
    ("  \u{3000}a", ["  ", "\u{3000}a"]),
    ("\u{A0}word \u{A0} !", ["\u{A0}word", " \u{A0}", " !"]),
    ("!!\n\nx", ["!!\n\n", "x"]),
    ("a.b(c)[d]\r\n", ["a", ".b", "(c", ")[", "d", "]\r\n"]),
    ("$100 #tag @me", ["$", "100", " #", "tag", " @", "me"]),
    ("-x --y ---", ["-x", " --", "y", " ---"]),
    ("_a __b", ["_a", " __", "b"]),
    ("\t\tif x:\n\t\t\ty", ["\t", "\tif", " x", ":\n", "\t\t", "\ty"]),
    ("e\u{301}tude", ["e", "\u{301}tude"]),
    ("中文,测试。12", ["中文", ",测试", "。", "12"]),
    ("\u{1F44D}\u{1F3FD} ok", ["\u{1F44D}\u{1F3FD}", " ok"]),
    ("\u{928}\u{92E}\u{938}\u{94D}\u{924}\u{947}", ["\u{928}\u{92E}\u{938}", "\u{94D}\u{924}", "\u{947}"]),
    ("a\u{200D}b", ["a", "\u{200D}b"]),
    ("<|endoftext|>", ["<|", "endoftext", "|>"]),
  ])
  func `a text is cut where the pattern cuts it`(text: String, pieces: [String]) {
    #expect(Self.pieces(of: text) == pieces)
  }

  @Test(arguments: [
    ("Aaªʰא中", CharacterClass.letter), ("0٣Ⅷ²½", .number), ("\r\n", .newline),
    (" \t\u{B}\u{C}\u{85}\u{A0}\u{1680}\u{2003}\u{2028}\u{202F}\u{3000}", .space),
    ("!_\u{301}\u{200B}\u{200D}\u{FEFF}€😀\u{0}\u{E000}\u{10FFFF}", .other),
  ])
  func `a code point has its class of Unicode`(scalars: String, expected: CharacterClass) {
    for scalar in scalars.unicodeScalars { #expect(CharacterClass(scalar) == expected, "\(scalar.value)") }
  }

  @Test func `a letter that is younger than Unicode 16 is none, as for tiktoken`() {
    #expect(CharacterClass("\u{88F}") == .other)
    #expect(CharacterClass("\u{1C89}") == .letter)
  }

  /// The tables, built once and never freed.
  nonisolated(unsafe) private static let classes: CharacterClasses = {
    let (numbers, blocks) = CharacterClasses.build()
    func keep(_ table: [UInt8]) -> UnsafeMutablePointer<UInt8> {
      let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: table.count)
      memory.initialize(from: table, count: table.count)
      return memory
    }
    return CharacterClasses(blockNumbers: keep(numbers), blocks: keep(blocks))
  }()

  private static func pieces(of text: String) -> [String] {
    Array(text.utf8).withUnsafeBufferPointer { text in
      let splitter = PieceSplitter(classes: classes, text: text)
      var pieces: [String] = []
      var start = 0
      while start < text.count {
        let end = splitter.end(ofPieceAt: start)
        pieces.append(String(decoding: text[start..<end], as: UTF8.self))
        start = end
      }
      return pieces
    }
  }
}
