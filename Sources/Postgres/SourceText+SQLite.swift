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
    sql {
      // By bytes: a text ends at a zero byte where its characters are counted.
      "length(CAST(\($0.quotedIdentifier) AS BLOB)) > 0"
    } value: {
      "CAST(\($0.quotedIdentifier) AS TEXT)"
    } literal: {
      $0.sqliteLiteral
    }
  }
}

extension String {
  fileprivate var sqliteLiteral: String {
    // By scalars: to a String a quote with a combining mark behind it is another character.
    "'\(unicodeScalars.map { $0 == "'" ? "''" : "\($0)" }.joined())'"
  }
}
