import Backfill

/// Cuts an SQL text into tokens, as the dialect's own lexer would.
struct SQLLexer {
  private let bytes: [UInt8]
  private let dialect: Dialect
  private var position = 0

  /// Throws a `Failure` that names the line where a quote or a comment is left open.
  static func tokens(of text: String, _ dialect: Dialect, in place: String) throws(Failure) -> [SQLToken] {
    var lexer = SQLLexer(bytes: Array(text.utf8), dialect: dialect)
    var tokens: [SQLToken] = []
    while true {
      do {
        try lexer.skipBlanks()
        guard let token = try lexer.next() else { return tokens }
        tokens.append(token)
      } catch {
        let line = lexer.bytes[..<error.start].count { $0 == UInt8(ascii: "\n") } + 1
        throw Failure(.configuration, "\(place):\(line)", "\(error.what) is not closed")
      }
    }
  }

  /// The tokens up to the first quote or comment that is left open.
  static func leadingTokens(of text: String, _ dialect: Dialect) -> [SQLToken] {
    var lexer = SQLLexer(bytes: Array(text.utf8), dialect: dialect)
    var tokens: [SQLToken] = []
    while (try? lexer.skipBlanks()) != nil, let token = try? lexer.next() { tokens.append(token) }
    return tokens
  }

  private init(bytes: [UInt8], dialect: Dialect) {
    self.bytes = bytes
    self.dialect = dialect
  }

  private struct Unclosed: Error {
    let what: String
    let start: Int
  }

  private func peek(_ offset: Int = 0) -> UInt8? {
    position + offset < bytes.count ? bytes[position + offset] : nil
  }

  private mutating func skipBlanks() throws(Unclosed) {
    while let byte = peek() {
      if byte.isBlank {
        position += 1
      } else if byte == UInt8(ascii: "-"), peek(1) == byte {
        while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
      } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        try skipBlockComment()
      } else {
        return
      }
    }
  }

  /// PostgreSQL's block comments nest, SQLite's don't.
  private mutating func skipBlockComment() throws(Unclosed) {
    let start = position
    var depth = 0
    repeat {
      guard let byte = peek() else { throw Unclosed(what: "a comment", start: start) }
      if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*"), depth == 0 || dialect == .postgres {
        depth += 1
        position += 2
      } else if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        depth -= 1
        position += 2
      } else {
        position += 1
      }
    } while depth > 0
  }

  private mutating func next() throws(Unclosed) -> SQLToken? {
    guard let byte = peek() else { return nil }
    let start = position
    let kind: SQLToken.Kind
    switch byte {
    case UInt8(ascii: "'"):
      try skipQuoted(by: byte, "a string")
      kind = .string
    case UInt8(ascii: "\""):
      try skipQuoted(by: byte, "a quoted name")
      kind = .quotedIdentifier
    case UInt8(ascii: "e"), UInt8(ascii: "E"):
      if dialect == .postgres, peek(1) == UInt8(ascii: "'") {
        position += 1
        try skipQuoted(by: UInt8(ascii: "'"), "a string", escapes: true)
        kind = .string
      } else {
        kind = skipWord()
      }
    case UInt8(ascii: "$") where dialect == .postgres:
      kind = try skipDollarQuoted() ? .string : .symbol
    case UInt8(ascii: "`") where dialect == .sqlite:
      try skipQuoted(by: byte, "a quoted name")
      kind = .string
    case _ where byte.beginsWord:
      kind = skipWord()
    case _ where byte.isDigit:
      while let byte = peek(), byte.continuesWord || byte == UInt8(ascii: ".") { position += 1 }
      kind = .number
    default:
      position += byte == UInt8(ascii: ":") && peek(1) == byte ? 2 : 1
      kind = .symbol
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    return SQLToken(kind: kind, text: kind == .word ? text.lowercased() : text, range: start..<position)
  }

  private mutating func skipWord() -> SQLToken.Kind {
    while let byte = peek(), byte.continuesWord { position += 1 }
    return .word
  }

  private mutating func skipQuoted(by quote: UInt8, _ what: String, escapes: Bool = false) throws(Unclosed) {
    let start = position
    position += 1
    while let byte = peek() {
      position += 1
      if byte == quote {
        guard peek() == quote else { return }
        position += 1
      } else if escapes, byte == UInt8(ascii: "\\"), peek() != nil {
        position += 1
      }
    }
    throw Unclosed(what: what, start: start)
  }

  /// Skips `$tag$…$tag$`; false, and one byte further, where the dollar begins none.
  private mutating func skipDollarQuoted() throws(Unclosed) -> Bool {
    let start = position
    var end = position + 1
    while end < bytes.count, bytes[end].continuesWord, bytes[end] != UInt8(ascii: "$") { end += 1 }
    guard end < bytes.count, bytes[end] == UInt8(ascii: "$"), end == position + 1 || bytes[position + 1].beginsWord
    else {
      position += 1
      return false
    }
    let tag = bytes[start...end]
    position = end + 1
    while position + tag.count <= bytes.count {
      if bytes[position..<position + tag.count].elementsEqual(tag) {
        position += tag.count
        return true
      }
      position += 1
    }
    throw Unclosed(what: "a dollar-quoted string", start: start)
  }
}

extension UInt8 {
  fileprivate var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
  fileprivate var beginsWord: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) || self == UInt8(ascii: "_") || self >= 0x80
  }
  fileprivate var continuesWord: Bool { beginsWord || isDigit || self == UInt8(ascii: "$") }
}
