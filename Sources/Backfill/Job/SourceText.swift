/// What is embedded of a row.
package enum SourceText: Hashable, Sendable {
  case column(String)
  case template(TextTemplate)
  /// An SQL expression over the row's columns; trusted as the job's author is.
  case sql(String)

  /// A template; one of a single column and nothing else is that column.
  package init(_ template: TextTemplate) {
    let isPlain = template.pieces.count == 1 && template.pieces[0].before.isEmpty && template.end.isEmpty
    self = isPlain ? .column(template.pieces[0].column) : .template(template)
  }

  /// Several columns, a blank line between them; at least one.
  package static func columns(_ names: [String]) -> SourceText {
    SourceText(
      TextTemplate(
        names.enumerated().map { TextTemplate.Piece(before: $0 == 0 ? "" : "\n\n", column: $1) }))
  }

  /// The SQL expression that it is; nil where it is made of columns.
  package var expression: String? { if case .sql(let expression) = self { expression } else { nil } }

  /// The columns that it reads, without repeats; nil for an expression, which may read any, and other tables.
  package var columns: [String]? {
    switch self {
    case .column(let name): [name]
    case .template(let template): template.columns
    case .sql: nil
    }
  }

  /// The same with each column under the name that `name` gives it.
  package func naming(_ name: (String) -> String) -> SourceText {
    switch self {
    case .column(let column): .column(name(column))
    case .template(let template):
      .template(
        TextTemplate(
          template.pieces.map { TextTemplate.Piece(before: $0.before, column: name($0.column)) }, end: template.end))
    case .sql: self
    }
  }
}

extension SourceText: ExpressibleByStringLiteral {
  /// A column.
  package init(stringLiteral value: String) { self = .column(value) }
}

extension SourceText: CustomStringConvertible {
  /// As a person reads it, on one line.
  package var description: String {
    switch self {
    case .column(let name): name
    case .template(let template):
      template.spelling.map { "\(JSONValue.string($0))" } ?? "\(template.parts)"
    case .sql(let expression): "sql \(JSONValue.string(expression))"
    }
  }
}

extension SourceText: Codable {
  private enum CodingKeys: CodingKey {
    case template, sql, columns, end
  }

  /// A column is its name, as versions before this one have it; anything else is an object, which they refuse.
  package init(from decoder: any Decoder) throws {
    if let name = try? decoder.singleValueContainer().decode(String.self) {
      self = .column(name)
      return
    }
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let expression = try container.decodeIfPresent(String.self, forKey: .sql) {
      self = .sql(expression)
    } else if container.contains(.columns) {
      self = .template(
        TextTemplate(
          try container.decode([TextTemplate.Piece].self, forKey: .columns),
          end: try container.decode(String.self, forKey: .end)))
    } else {
      self = .template(try TextTemplate(parsing: container.decode(String.self, forKey: .template)))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    switch self {
    case .column(let name):
      var container = encoder.singleValueContainer()
      try container.encode(name)
    case .template(let template):
      var container = encoder.container(keyedBy: CodingKeys.self)
      if let spelling = template.spelling {
        try container.encode(spelling, forKey: .template)
      } else {
        try container.encode(template.pieces, forKey: .columns)
        try container.encode(template.end, forKey: .end)
      }
    case .sql(let expression):
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(expression, forKey: .sql)
    }
  }
}
