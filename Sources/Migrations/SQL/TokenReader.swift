/// Reads a statement's tokens from left to right.
struct TokenReader {
  private let statement: SQLStatement
  private var position = 0

  init(_ statement: SQLStatement) {
    self.statement = statement
  }

  private var current: SQLToken? { position < statement.tokens.count ? statement.tokens[position] : nil }

  var isAtEnd: Bool { current == nil }

  /// What was not read yet, as it was written.
  var rest: String { statement.text(from: position) }

  func isAtWord(in words: Set<String>) -> Bool {
    current.map { $0.kind == .word && words.contains($0.text) } ?? false
  }

  /// Whether a comma follows outside of parentheses.
  var hasTopLevelComma: Bool {
    var depth = 0
    for token in statement.tokens[position...] {
      if token.isSymbol("(") { depth += 1 }
      if token.isSymbol(")") { depth -= 1 }
      if depth == 0, token.isSymbol(",") { return true }
    }
    return false
  }

  /// Reads `words` where all of them follow.
  @discardableResult
  mutating func skip(_ words: String...) -> Bool {
    let following = statement.tokens.dropFirst(position)
    guard following.count >= words.count, zip(following, words).allSatisfy({ $0.isWord($1) }) else { return false }
    position += words.count
    return true
  }

  /// The words up to `word`, which is not read.
  mutating func words(until word: String) -> String {
    var words: [String] = []
    while let token = current, !token.isWord(word) {
      words.append(token.text)
      position += 1
    }
    return words.joined(separator: " ")
  }

  /// What stands in the last dollar quotes; nil where there are none.
  var lastDollarQuoted: String? {
    let quoted = statement.tokens.last { $0.kind == .string && $0.text.hasPrefix("$") }
    guard let text = quoted?.text, let tag = text.dropFirst().firstIndex(of: "$") else { return nil }
    let length = text.distance(from: text.startIndex, to: tag) + 1
    return String(text.dropFirst(length).dropLast(length))
  }

  mutating func identifier() -> String? {
    guard let identifier = current?.identifier else { return nil }
    position += 1
    return identifier
  }

  /// A name with or without its schema.
  mutating func name() -> SQLName? {
    guard let first = identifier() else { return nil }
    guard current?.isSymbol(".") == true else { return SQLName(first) }
    position += 1
    return identifier().map { SQLName(schema: first, $0) }
  }
}
