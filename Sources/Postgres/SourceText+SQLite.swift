import Backfill

/// A source's text as SQLite computes it, one expression wherever it is needed.
extension SourceText {
  /// SQL over the row's columns. A template's parts are the text forms of their values, a blob's its bytes.
  package var sqlite: String {
    switch self {
    case .column(let name): name.quotedIdentifier
    case .template(let template): template.sqlite
    // The line breaks keep a comment in the expression from swallowing what follows.
    case .sql(let expression): "(\n\(expression)\n)"
    }
  }
}

extension TextTemplate {
  fileprivate var sqlite: String {
    // By bytes: a text ends at a zero byte where its characters are counted.
    let present = pieces.map { "length(CAST(\($0.column.quotedIdentifier) AS BLOB)) > 0" }
    let parts = pieces.enumerated().map { index, piece in
      var before = piece.before.sqliteLiteral
      if index > 0, piece.beginning != piece.before {
        let follows = present[..<index].joined(separator: " OR ")
        before = "CASE WHEN \(follows) THEN \(before) ELSE \(piece.beginning.sqliteLiteral) END"
      }
      let behind = index == pieces.count - 1 && !end.isEmpty ? " || \(end.sqliteLiteral)" : ""
      return """
        CASE WHEN \(present[index]) THEN \(before) || CAST(\(piece.column.quotedIdentifier) AS TEXT)\(behind) ELSE '' END
        """
    }
    return "CASE WHEN \(present.joined(separator: " OR ")) THEN \(parts.joined(separator: " || ")) END"
  }
}

extension String {
  fileprivate var sqliteLiteral: String {
    // By scalars: to a String a quote with a combining mark behind it is another character.
    "'\(unicodeScalars.map { $0 == "'" ? "''" : "\($0)" }.joined())'"
  }
}
