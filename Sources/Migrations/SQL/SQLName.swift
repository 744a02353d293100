import Postgres

/// The name of a table or an index, as a statement writes it.
package struct SQLName: Hashable, Sendable {
  package var schema: String?
  package var name: String

  package init(schema: String? = nil, _ name: String) {
    self.schema = schema
    self.name = name
  }

  /// As SQL, quoted.
  package var quoted: String { (schema.map { "\($0.quotedIdentifier)." } ?? "") + name.quotedIdentifier }
}

extension SQLName: CustomStringConvertible {
  package var description: String { schema.map { "\($0).\(name)" } ?? name }
}
