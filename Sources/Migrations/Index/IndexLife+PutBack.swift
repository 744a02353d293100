import Backfill
import PgVector
import Postgres

extension IndexLife {
  /// Builds each and forgets it; returns the names of those that are there again.
  ///
  /// A definition that isn't of a vector index of its very table is told and left: nothing else is ever run.
  func putBack(_ intents: [IndexIntent]) async throws -> [String] {
    var names: [String] = []
    for intent in intents {
      guard let index = Self.index(of: intent) else {
        narrator.warn(
          "\(intent.place): the definition of \(intent.name) is not that of a vector index of \(intent.table): left out; "
            + "build the index by hand and delete the row")
        continue
      }
      try await putBack(intent, index)
      names.append(intent.name)
    }
    return names
  }

  private func putBack(_ intent: IndexIntent, _ index: SchemaChange.IndexDefinition) async throws {
    narrator.tell("\(intent.name): building")
    narrator.show("\(intent.name): building")
    let started = ContinuousClock.now
    try await pair.worker.query("SELECT set_config('default_tablespace', $1, false)", [.text(intent.tablespace)])
    try await build(of: intent.name).run(index)
    if let comment = intent.comment {
      let literal = comment.replacing("\\", with: "\\\\").replacing("'", with: "''")
      let name = SQLName(schema: index.table.schema, index.name.name)
      try await pair.worker.query("COMMENT ON INDEX \(name.quoted) IS E'\(literal)'")
    }
    try await pair.worker.run { try IndexIntents.forget(intent, on: $0) }
    narrator.tell("\(intent.name): there again after \(started.duration(to: .now).rough)")
  }

  /// The index that an intent stands for; nil where its definition is anything but one CREATE INDEX of a vector index, of
  /// the recorded name and on the recorded table.
  static func index(of intent: IndexIntent) -> SchemaChange.IndexDefinition? {
    guard let statements = try? SQLStatement.split(intent.definition, .postgres, in: intent.name),
      statements.count == 1, case .createIndex(let index)? = SchemaChange(statements[0]),
      index.name == SQLName(intent.name), index.table == SQLName(parsing: intent.table), !index.isUnique
    else { return nil }
    let words = SQLLexer.leadingTokens(of: index.body, .postgres)
    guard words.count > 1, words[0].isWord("using"),
      words[1].isWord("hnsw") || words[1].isWord("ivfflat")
    else { return nil }
    return index
  }
}
