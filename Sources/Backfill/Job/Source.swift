/// A table to fill, as the job names it.
package struct Source: Hashable, Sendable, Codable {
  /// The default is the connection's own search path.
  package var schema: String?
  package var table: String
  /// A view that shows rows of the table, by its key and with its vector: the rows and their texts are read from it.
  package var view: TableName?
  /// The primary key's columns in its order, at least one. The default is "id".
  package var keys: [String]
  /// The default is the column "content".
  package var text: SourceText
  /// The default is "embedding".
  package var vector: String
  private var filter: String?
  /// Where the job spec says what `condition` is, e.g. "job.yaml:7"; nil where it doesn't.
  package var conditionPlace: String?
  /// Where the job says since which value; nil where it doesn't.
  package var sincePlace: String?
  package var since: Since?
  package var order: RowOrder
  /// A column by whose values the rows are filled first, the greatest first; with `order: newest`. nil for none.
  ///
  /// It decides only which rows come first. After that, all rows are looked for by the key.
  package var newestBy: String?
  /// What becomes of the vector when the text is edited. The default is that it stays.
  package var edits = Edits.ignore
  /// Whether the digests of `edits: digest` are in a table of vecfill's own. The default is a column beside the vector.
  package var keepsDigestsApart = false
  /// Whether a trigger notifies a run that follows the table of each write. By default the run polls.
  package var notifies = false
  /// Where a text is cut into pieces: they and their vectors are in a table of their own. The default is nil.
  package var chunks: Chunks?

  package init(
    schema: String? = nil, table: String, view: TableName? = nil, keys: [String] = ["id"], text: SourceText = "content",
    vector: String = "embedding", condition: String? = nil, since: Since? = nil, order: RowOrder = .oldest,
    chunks: Chunks? = nil
  ) {
    self.schema = schema
    self.table = table
    self.view = view
    self.keys = keys
    self.text = text
    self.vector = vector
    self.filter = condition
    self.since = since
    self.order = order
    self.chunks = chunks
  }

  /// The condition that a row must meet to be taken, as SQL; nil for none. It is as trusted as the job's author.
  ///
  /// What is set is what holds beside `since`.
  package var condition: String? {
    get {
      guard let since else { return filter }
      // The line breaks keep a comment in the condition from swallowing what follows.
      return since.condition + (filter.map { " AND (\n\($0)\n)" } ?? "")
    }
    set { filter = newValue }
  }

  /// The key's columns as a person writes them: "id" or "id, created_at".
  package var key: String { keys.joined(separator: ", ") }

  /// The table as a person writes it: "schema.table" or "table".
  package var name: String { schema.map { "\($0).\(table)" } ?? table }

  /// What its rows are read from: the view, or the table.
  package var reading: TableName { view ?? TableName(schema: schema, table) }
}
