import Testing
import Tokenizer

@Suite struct Cl100kBasePartsTests {
  static let texts = [
    String(repeating: "The quick brown fox jumps over the lazy dog. ", count: 60),
    String(repeating: "Привет, мир! ", count: 80), String(repeating: "👩‍👩‍👧 हिन्दी 你好 ", count: 60),
    String(repeating: "x", count: 900), String(repeating: " \n\t", count: 300),
    (0..<400).map { "\($0 * 7919)" }.joined(separator: "\r\n"), "e\u{301}" + String(repeating: "\u{301}", count: 200),
  ]

  @Test(arguments: texts, [4, 7, 50, 100]) func `the parts are the text, each within the limit and as counted`(
    text: String, limit: Int
  ) throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    let parts = tokenizer.parts(of: text, limit: limit)
    #expect(Array(parts.map(\.text).joined().utf8) == Array(text.utf8))
    #expect(parts.allSatisfy { $0.tokens <= limit && $0.tokens == tokenizer.count($0.text) })
    // Only what is cut inside a character, or counts otherwise once it is cut off, makes a part smaller than it could be.
    #expect(parts.count <= tokenizer.count(text) / max(limit - 4, 1) + 1)
  }

  @Test func `a part ends where a token of the whole text ends`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    let text = "In the beginning God created the heavens and the earth."
    let ids = tokenizer.encode(text)
    let first = try #require(tokenizer.parts(of: text, limit: 5).first)
    #expect(tokenizer.encode(first.text) == Array(ids.prefix(5)))
  }

  @Test func `a text within the limit is one part, and an empty one has none`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    #expect(tokenizer.parts(of: "hello world", limit: 2).map(\.text) == ["hello world"])
    #expect(tokenizer.parts(of: "", limit: 2).isEmpty)
  }
}
