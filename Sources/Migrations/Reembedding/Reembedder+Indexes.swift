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
        let found = try await pair.watcher.run { try JobTable(new, on: $0) }
        var next = reembedding
        next.step = .fill
        for table in found.indexed {
          var part = source
          part.table = table.name.name
          let name = IndexName.of(part, IndexName.Suffix.missing)
          let names = Reembedding.IndexNames(
            schema: try await schema(of: table.name),
            name: try await pair.watcher.run { try name.chosen(source.vector, on: table.name, $0) })
          let keys = found.keys.map(\.quotedIdentifier).joined(separator: ", ")
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
        let lacking = try await pair.watcher.run { try Self.lacking(indexes.planned, on: $0) }
        for index in lacking where !index.isWhole { try await build(index) }
        try await make(lacking, source)
        for index in lacking where !next.indexes.contains(index.names) { next.indexes.append(index.names) }
        return try await replace(reembedding, by: next, source)
      }
    }
  }

  private func build(_ index: ReembeddedIndexes.Planned) async throws {
    try await pair.worker.query("SELECT set_config('default_tablespace', $1, false)", [.text(index.tablespace)])
    try await build(index.names.new, on: index.table, index.body)
    guard let comment = index.comment else { return }
    try await pair.worker.execute("COMMENT ON INDEX \(index.newName.quoted) IS \(comment.sqlLiteral)")
  }

  /// Makes those of partitioned tables as a whole, of the partitions' that are there, in one transaction. A partition that
  /// is added later gets its own by them.
  private func make(_ planned: [ReembeddedIndexes.Planned], _ source: Source) async throws {
    let wholes = planned.filter(\.isWhole)
    guard !wholes.isEmpty else { return }
    try await change(source.name, of: [source.tableName]) { connection in
      for whole in wholes where try !Self.isThere(whole.newName, on: connection) {
        try connection.query("SELECT set_config('default_tablespace', $1, true)", [.text(whole.tablespace)])
        try connection.execute(
          "CREATE INDEX \(whole.names.new.quotedIdentifier) ON ONLY \(whole.table.quoted) \(whole.body)")
        if let comment = whole.comment {
          try connection.execute("COMMENT ON INDEX \(whole.newName.quoted) IS \(comment.sqlLiteral)")
        }
      }
      // Attaching what is attached already does nothing.
      for part in planned {
        guard let whole = part.whole, wholes.contains(where: { $0.newName == whole }) else { continue }
        try connection.execute("ALTER INDEX \(whole.quoted) ATTACH PARTITION \(part.newName.quoted)")
      }
    }
    for whole in wholes {
      let isValid =
        try await pair.watcher.query(
          "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", [.text(whole.newName.quoted)]
        ).first?[0] == "t"
      guard isValid else {
        throw Failure(
          .unavailable, whole.names.new, "a partition came while it was built, and has no part of it",
          remedy: "run the same command again: it builds that part")
      }
      narrator.tell("\(whole.names.new): made of its partitions' indexes")
    }
  }

  /// Those that have to be made: a partition that was added during the change has got its own by the whole's.
  private static func lacking(
    _ planned: [ReembeddedIndexes.Planned], on connection: isolated PostgresConnection
  ) throws -> [ReembeddedIndexes.Planned] {
    var others: Set<String> = []
    for part in planned {
      guard let whole = part.whole else { continue }
      let found = try connection.query(
        """
        SELECT 1 FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid
        WHERE h.inhparent = to_regclass($1) AND i.indrelid = to_regclass($2)
          AND h.inhrelid IS DISTINCT FROM to_regclass($3)
        """, [.text(whole.quoted), .text(part.table.quoted), .text(part.newName.quoted)])
      if !found.isEmpty { others.insert(part.newName.quoted) }
    }
    var known = -1
    while known < others.count {
      known = others.count
      for part in planned where part.whole.map({ others.contains($0.quoted) }) ?? false {
        others.insert(part.newName.quoted)
      }
    }
    return planned.filter { !others.contains($0.newName.quoted) }
  }

  private static func isThere(_ index: SQLName, on connection: isolated PostgresConnection) throws -> Bool {
    try connection.query("SELECT to_regclass($1) IS NOT NULL", [.text(index.quoted)])[0][0] == "t"
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
    narrator.tell("\(name): built in \(started.duration(to: .now).clock)")
  }

  private func schema(of table: SQLName) async throws -> String {
    try await pair.watcher.query(
      "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)",
      [.text(table.quoted)]
    ).first?[0] ?? ""
  }
}

extension ReembeddedIndexes.Planned {
  fileprivate var newName: SQLName { SQLName(schema: names.schema, names.new) }
}
