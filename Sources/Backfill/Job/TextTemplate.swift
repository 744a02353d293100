/// A text that is put together of a row's columns, e.g. `{title}\n\n{body}`.
///
/// The text before a column belongs to that column, and the text after the last column, too. A column that is NULL or empty
/// is left out together with its text. If that leaves a later column as the first one, only the part of its text after the
/// last line break stays: with `{title}\n\nby {author}` and no title the result is "by Ann". Without any column the text is
/// NULL.
package struct TextTemplate: Hashable, Sendable {
  /// A column with the text before it.
  package struct Piece: Hashable, Sendable, Codable {
    package let before: String
    package let column: String

    package init(before: String = "", column: String) {
      self.before = before
      self.column = column
    }

    /// What stays of `before` where the column begins the text: what stands behind its last line break.
    package var beginning: String {
      guard let end = before.unicodeScalars.lastIndex(of: "\n") else { return "" }
      return String(before.unicodeScalars[before.unicodeScalars.index(after: end)...])
    }
  }

  /// At least one.
  package let pieces: [Piece]
  /// The text behind the last column.
  package let end: String

  package init(_ pieces: [Piece], end: String = "") {
    self.pieces = pieces
    self.end = end
  }

  /// The columns without repeats, in their order.
  package var columns: [String] {
    pieces.map(\.column).reduce(into: []) { columns, name in
      if !columns.contains(name) { columns.append(name) }
    }
  }
}

extension TextTemplate {
  /// The template as one SQL expression, of whatever engine.
  ///
  /// - Parameters:
  ///   - isPresent: that a column is neither NULL nor empty.
  ///   - value: a column's text form.
  ///   - literal: a text as it is written in SQL.
  package func sql(
    isPresent: (_ column: String) -> String, value: (_ column: String) -> String, literal: (String) -> String
  ) -> String {
    let present = pieces.map { isPresent($0.column) }
    let parts = pieces.enumerated().map { index, piece in
      var before = literal(piece.before)
      if index > 0, piece.beginning != piece.before {
        let follows = present[..<index].joined(separator: " OR ")
        before = "CASE WHEN \(follows) THEN \(before) ELSE \(literal(piece.beginning)) END"
      }
      let behind = index == pieces.count - 1 && !end.isEmpty ? " || \(literal(end))" : ""
      return "CASE WHEN \(present[index]) THEN \(before) || \(value(piece.column))\(behind) ELSE '' END"
    }
    return "CASE WHEN \(present.joined(separator: " OR ")) THEN \(parts.joined(separator: " || ")) END"
  }
}

extension TextTemplate {
  /// Why a template can't be read, in words that follow "the template".
  package struct Mistake: Error, Equatable {
    package let reason: String

    package init(reason: String) {
      self.reason = reason
    }
  }

  /// Reads a template: `{column}`, and `{{` and `}}` for braces.
  package init(parsing text: String) throws(Mistake) {
    var pieces: [Piece] = []
    var literal = ""
    var rest = text.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar == "{" || scalar == "}", rest.first == scalar {
        rest.removeFirst()
        literal.unicodeScalars.append(scalar)
      } else if scalar == "}" {
        throw Mistake(reason: "has a } without its {")
      } else if scalar == "{" {
        let name = rest.prefix { $0 != "{" && $0 != "}" }
        guard rest[name.endIndex...].first == "}" else { throw Mistake(reason: "has a { without its }") }
        let isBlank = name.allSatisfy(\.properties.isWhitespace)
        guard !isBlank else { throw Mistake(reason: "has no column's name in {}") }
        rest = rest[name.endIndex...].dropFirst()
        pieces.append(Piece(before: literal, column: String(name)))
        literal = ""
      } else {
        literal.unicodeScalars.append(scalar)
      }
    }
    guard !pieces.isEmpty else { throw Mistake(reason: "names no column") }
    self.init(pieces, end: literal)
  }

  /// The template as `init(parsing:)` reads it; nil where a column's name has a brace, which no template can spell.
  package var spelling: String? {
    let text = pieces.map { "\(Self.escaped($0.before)){\($0.column)}" }.joined() + Self.escaped(end)
    return (try? TextTemplate(parsing: text)) == self ? text : nil
  }

  /// Its texts and columns in turn, for people.
  var parts: JSONValue {
    .array(pieces.flatMap { [.string($0.before), .string($0.column)] } + [.string(end)])
  }

  private static func escaped(_ literal: String) -> String {
    var escaped = ""
    for scalar in literal.unicodeScalars {
      if scalar == "{" || scalar == "}" { escaped.unicodeScalars.append(scalar) }
      escaped.unicodeScalars.append(scalar)
    }
    return escaped
  }
}
