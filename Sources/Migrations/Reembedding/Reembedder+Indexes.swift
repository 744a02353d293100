import Backfill
import PgVector
import Postgres

extension Reembedder {
  /// Builds the index by which rows without a vector of the new model are found.
  package func findMissing(_ reembedding: Reembedding, _ source: Source) async throws -> Reembedding {
    try await reporting(source.name) {
      try await exclusively {
        var beside = source
        beside.vector = reembedding.newColumn
        let new = beside
        let indexed = try await pair.watcher.run { try JobTable(new, on: $0).indexed }
        var next = reembedding
        next.step = .fill
        for table in indexed {
          var part = source
          part.table = table.name.name
          let names = Reembedding.IndexNames(
            schema: try await schema(of: table.name), name: IndexName.of(part, "missing"))
          let keys = source.keys.map(\.quotedIdentifier).joined(separator: ", ")
          let predicate = table.index.predicate(vector: new.vector, text: source.text)
          try await build(names.new, on: table.name, "(\(keys)) WHERE \(predicate)")
          if !next.indexes.contains(names) { next.indexes.append(names) }
        }
        return try await replace(reembedding, by: next, source)
      }
    }
  }

  /// Builds the vector indexes of the new column.
  ///
  /// - Parameter isWanted: whether the job wants one where the former column has none.
  package func buildIndexes(_ reembedding: Reembedding, _ source: Source, isWanted: Bool) async throws -> Reembedding {
    try await reporting(source.name) {
      try await exclusively {
        let indexes = try await pair.watcher.run { connection in
          try ReembeddedIndexes(
            of: try ReembeddedTable(source, on: connection), former: reembedding.formerColumn,
            new: reembedding.newColumn, dimensions: reembedding.target.dimensions, isWanted: isWanted, on: connection)
        }
        for note in indexes.notes { narrator.warn(note) }
        var next = reembedding
        next.step = .compare
        for index in indexes.planned {
          try await build(index)
          if !next.indexes.contains(index.names) { next.indexes.append(index.names) }
        }
        return try await replace(reembedding, by: next, source)
      }
    }
  }

  private func build(_ index: ReembeddedIndexes.Planned) async throws {
    try await pair.worker.query("SELECT set_config('default_tablespace', $1, false)", [.text(index.tablespace)])
    try await build(index.names.new, on: index.table, index.body)
    guard let comment = index.comment else { return }
    let name = SQLName(schema: index.names.schema, index.names.new).quoted
    try await pair.worker.execute("COMMENT ON INDEX \(name) IS \(comment.sqlLiteral)")
  }

  private func build(_ name: String, on table: SQLName, _ body: String) async throws {
    let statement = "CREATE INDEX CONCURRENTLY \(name.quotedIdentifier) ON \(table.quoted) \(body)"
    guard case .createIndex(let index)? = SchemaChange(try SQLStatement.split(statement, .postgres, in: name)[0]) else {
      throw Failure(.configuration, name, "its definition could not be understood: \(body)")
    }
    narrator.show("\(name): building")
    defer { narrator.show("") }
    let started = ContinuousClock.now
    try await IndexBuild(pair: pair, subject: name, narrator: narrator).run(index)
    narrator.tell("\(name): built in \(started.duration(to: .now).rough)")
  }

  private func schema(of table: SQLName) async throws -> String {
    try await pair.watcher.query(
      "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)",
      [.text(table.quoted)]
    ).first?[0] ?? ""
  }
}
