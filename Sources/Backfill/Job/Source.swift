/// A table to fill, as the job names it.
package struct Source: Hashable, Sendable, Codable {
  /// The default is the connection's own search path.
  package var schema: String?
  package var table: String
  /// The primary key's columns in its order, at least one. The default is "id".
  package var keys: [String]
  /// The default is the column "content".
  package var text: SourceText
  /// The default is "embedding".
  package var vector: String
  /// An SQL condition that a row must meet to be taken; trusted as the job's author is.
  package var condition: String?
  /// Where a text is cut into pieces: they and their vectors are in a table of their own. The default is nil.
  package var chunks: Chunks?

  package init(
    schema: String? = nil, table: String, keys: [String] = ["id"], text: SourceText = "content",
    vector: String = "embedding",
    condition: String? = nil, chunks: Chunks? = nil
  ) {
    self.schema = schema
    self.table = table
    self.keys = keys
    self.text = text
    self.vector = vector
    self.condition = condition
    self.chunks = chunks
  }

  /// The key's columns as a person writes them: "id" or "id, created_at".
  package var key: String { keys.joined(separator: ", ") }

  /// The table as a person writes it: "schema.table" or "table".
  package var name: String { schema.map { "\($0).\(table)" } ?? table }
}
