import Postgres

/// The name of a table or an index, as a statement writes it.
package struct SQLName: Hashable, Sendable {
  package var schema: String?
  package var name: String

  package init(schema: String? = nil, _ name: String) {
    self.schema = schema
    self.name = name
  }

  /// A name with its schema as PostgreSQL writes it; nil for any other text.
  package init?(parsing text: String) {
    let tokens = SQLLexer.leadingTokens(of: text, .postgres)
    guard tokens.count == 3, tokens[1].isSymbol("."), tokens[2].range.upperBound == text.utf8.count,
      let schema = tokens[0].identifier, let name = tokens[2].identifier
    else { return nil }
    self.init(schema: schema, name)
  }

  /// As SQL, quoted.
  package var quoted: String { (schema.map { "\($0.quotedIdentifier)." } ?? "") + name.quotedIdentifier }
}

extension SQLName: CustomStringConvertible {
  package var description: String { schema.map { "\($0).\(name)" } ?? name }
}
