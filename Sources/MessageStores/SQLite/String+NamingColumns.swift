extension String {
  /// The SQL with each name in double quotes in SQLite's other ones, where it can be nothing but a name.
  ///
  /// SQLite takes a name in double quotes that is no column's for a text. In a file's own triggers that is meant so; in a
  /// job it is a slip, after which each row would have that text.
  var namingColumns: String {
    // By scalars: to a String a quote with a combining mark behind it is another character.
    var (sql, rest) = (String.UnicodeScalarView(), self[...].unicodeScalars)
    while let first = rest.first {
      let end: Index? =
        switch first {
        case "'", "\"", "`": rest.dropFirst().end(ofQuote: first)
        case "[": rest.firstIndex(of: "]").map { rest.index(after: $0) }
        case "-" where rest.starts(with: "--".unicodeScalars): rest.firstIndex(of: "\n")
        case "/" where rest.starts(with: "/*".unicodeScalars): rest.firstRange(of: "*/".unicodeScalars)?.upperBound
        default: rest.index(after: rest.startIndex)
        }
      let token = rest[..<(end ?? rest.endIndex)]
      rest = rest[token.endIndex...]
      guard first == "\"", end != nil else {
        sql += token
        continue
      }
      let name = String(token.dropFirst().dropLast())
      sql += "`\(name.replacing("\"\"", with: "\"").replacing("`", with: "``"))`".unicodeScalars
    }
    return String(sql)
  }
}

extension Substring.UnicodeScalarView {
  /// Behind the quote that ends a text which has begun; nil where none does. One that is doubled is of the text.
  fileprivate func end(ofQuote quote: Unicode.Scalar) -> Index? {
    var rest = self
    while let place = rest.firstIndex(of: quote) {
      let next = rest.index(after: place)
      guard next < rest.endIndex, rest[next] == quote else { return next }
      rest = rest[rest.index(after: next)...]
    }
    return nil
  }
}
