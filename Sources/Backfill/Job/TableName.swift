/// The name of a table or a view.
package struct TableName: Hashable, Sendable, Codable {
  /// The default is the connection's own search path.
  package var schema: String?
  package var table: String

  package init(schema: String? = nil, _ table: String) {
    self.schema = schema
    self.table = table
  }
}

extension TableName: CustomStringConvertible {
  /// As a person writes it: "schema.table" or "table".
  package var description: String { schema.map { "\($0).\(table)" } ?? table }
}
