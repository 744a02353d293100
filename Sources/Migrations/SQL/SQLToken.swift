/// The smallest part of an SQL text that means something; comments and white space are none.
package struct SQLToken: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// A keyword or an identifier without quotes.
    case word
    case quotedIdentifier
    /// A string in any of the dialects' quotes, dollar quotes included.
    case string
    case number
    case symbol
  }

  package let kind: Kind
  /// As it stands, but a word in lower case: so both dialects compare it.
  package let text: String
  /// Where it stands, in UTF-8 bytes of the whole text.
  package let range: Range<Int>

  package func isWord(_ word: String) -> Bool { kind == .word && text == word }
  package func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }

  /// The name that an identifier stands for; nil for a token that is none.
  package var identifier: String? {
    switch kind {
    case .word: text
    case .quotedIdentifier: String(text.dropFirst().dropLast()).replacing("\"\"", with: "\"")
    case .string, .number, .symbol: nil
    }
  }
}
