import PgVector

/// The index that an intent stands for.
struct RecordedIndex: Sendable {
  let intent: IndexIntent
  let index: SchemaChange.IndexDefinition
  /// The partitioned index that it is a part of; nil where it is none.
  let whole: SQLName?

  /// Whether it is a partitioned index, which is valid once all its parts are.
  var isWhole: Bool { index.isOnly }
  var name: SQLName { SQLName(schema: index.table.schema, index.name.name) }

  /// nil where the definition is anything but one CREATE INDEX of a vector index, of the recorded name and on the recorded
  /// table or with the statement that makes it a part of another index.
  ///
  /// Whether another table is one of its partitions, the database has to tell.
  init?(_ intent: IndexIntent) {
    guard let statements = try? SQLStatement.split(intent.definition, .postgres, in: intent.name),
      (1...2).contains(statements.count), case .createIndex(let index)? = SchemaChange(statements[0]),
      index.name == SQLName(intent.name), index.table.schema != nil, !index.isUnique
    else { return nil }
    let words = SQLLexer.leadingTokens(of: index.body, .postgres)
    guard words.count > 1, words[0].isWord("using"), words[1].isWord("hnsw") || words[1].isWord("ivfflat")
    else { return nil }
    self.intent = intent
    self.index = index
    guard statements.count == 2 else {
      whole = nil
      return
    }
    var reader = TokenReader(statements[1])
    guard reader.skip("alter", "index"), let whole = reader.name(), reader.skip("attach", "partition"),
      reader.name() == SQLName(schema: index.table.schema, intent.name), reader.isAtEnd
    else { return nil }
    self.whole = whole
  }
}
