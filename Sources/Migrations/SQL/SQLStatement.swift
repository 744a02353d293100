import Backfill

/// One statement of a script, with its text as it was written and without its semicolon.
package struct SQLStatement: Hashable, Sendable {
  package let text: String
  package let tokens: [SQLToken]
  /// Where it begins, counted from 1.
  package let line: Int

  /// Splits `script` at its semicolons, but at none in a string, a quoted name, a comment or a body of BEGIN … END.
  ///
  /// Throws a `Failure` that names `place` and the line for a quote or a comment that is left open.
  package static func split(_ script: String, _ dialect: Dialect, in place: String) throws(Failure) -> [SQLStatement] {
    let bytes = Array(script.utf8)
    var statements: [SQLStatement] = []
    var tokens: [SQLToken] = []
    var depth = 0
    func statement(_ tokens: [SQLToken]) -> SQLStatement? {
      guard let first = tokens.first, let last = tokens.last else { return nil }
      return SQLStatement(
        text: String(decoding: bytes[first.range.lowerBound..<last.range.upperBound], as: UTF8.self), tokens: tokens,
        line: bytes[..<first.range.lowerBound].count { $0 == UInt8(ascii: "\n") } + 1)
    }
    for token in try SQLLexer.tokens(of: script, dialect, in: place) {
      if token.isSymbol(";"), depth == 0 {
        if let statement = statement(tokens) { statements.append(statement) }
        tokens = []
        continue
      }
      // A trigger's or a function's body, and a CASE in it.
      if tokens.first?.isWord("create") == true, tokens.prefix(4).contains(where: \.hasBody) {
        if token.isWord("begin") || (depth > 0 && token.isWord("case")) { depth += 1 }
        if depth > 0, token.isWord("end") { depth -= 1 }
      }
      tokens.append(token)
    }
    if let statement = statement(tokens) { statements.append(statement) }
    return statements
  }

  /// The statement without comments, with one space between tokens and its words in lower case.
  package var normalized: String { tokens.map(\.text).joined(separator: " ") }

  /// What follows the token at `index`, as it was written.
  func text(from index: Int) -> String {
    guard index < tokens.count, let first = tokens.first else { return "" }
    return String(
      decoding: Array(text.utf8)[(tokens[index].range.lowerBound - first.range.lowerBound)...], as: UTF8.self)
  }

  /// The statement begins with `words`.
  func begins(_ words: String...) -> Bool {
    tokens.count >= words.count && zip(tokens, words).allSatisfy { $0.isWord($1) }
  }

  func contains(word: String) -> Bool { tokens.contains { $0.isWord(word) } }
}

extension SQLToken {
  fileprivate var hasBody: Bool { ["trigger", "function", "procedure"].contains { isWord($0) } }
}
