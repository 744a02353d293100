import Backfill
import PgVector
import Postgres

/// What `edits` in a job needs of a table, and what goes where the job no longer says so.
extension JobMigrations {
  mutating func addEditTriggers(of source: Source, _ table: JobTable) throws {
    for part in table.triggered {
      for name in table.former[part] ?? [] {
        let down = EditTrigger.removal(of: name, on: part, schema: table.schema, dialect)
        try withdraw([part.schema.map(IndexName.plain), name].compactMap(\.self).joined(separator: "_"), by: down)
      }
    }
    let obstacle = obstacle(to: source, table)
    if let obstacle, source.edits == .clear {
      throw JobTable.refusal(
        source, obstacle, "name the columns that it is made of as the job's text, or say edits: digest")
    }
    if table.needsVector, obstacle == nil, source.isMarked {
      note(
        "\(source.name): its column \(source.vector) takes no NULL, so an UPDATE that makes a text blank will fail: let the "
          + "column take NULL if texts can become blank")
    }
    if table.needsVector, source.edits == .clear {
      let column = "ALTER TABLE \(source.tableName.quoted) ALTER COLUMN \(source.vector.quotedIdentifier)"
      throw JobTable.refusal(
        source,
        "its column \(source.vector) takes no NULL, and the trigger empties the vector of a text that is edited: the "
          + "application's own UPDATE would fail",
        (dialect == .postgres
          ? "let it take NULL (\(column) DROP NOT NULL)" : "make the table anew with a column that may be NULL")
          + ", or say edits: digest")
    }
    if let obstacle, source.isMarked {
      note("\(source.name): each run looks at every row to find the edited texts: \(obstacle)")
    }
    for edits in [Edits.clear, .digest] {
      var kind = source
      kind.edits = edits
      for part in table.triggered {
        let trigger = EditTrigger(kind)
        let name = choose(trigger.name(on: part), of: kind, on: part, table)
        guard let scripts = scripts(of: trigger, name, on: part, table) else { continue }
        try set(
          name, scripts, on: part, table,
          isWanted: edits == source.edits && obstacle == nil && !source.keepsDigestsApart)
      }
    }
  }

  /// The column of the digests, which is left where `edits` is taken out of the job.
  mutating func addDigestColumn(of source: Source) throws {
    let (table, column) = (source.tableName.quoted, digestColumn(of: source).quotedIdentifier)
    try add(
      IndexName.plain(
        [source.schema, source.table, digestColumn(of: source)].compactMap(\.self).joined(separator: " ")),
      up: "ALTER TABLE \(table) ADD COLUMN \(column) \(dialect == .postgres ? "bytea" : "BLOB")",
      down: "ALTER TABLE \(table) DROP COLUMN \(column)")
  }

  private func digestColumn(of source: Source) -> String {
    dialect == .postgres ? source.digestColumn : source.sqliteDigestColumn
  }

  /// vecfill's own table of the digests, which is left like the column.
  mutating func addDigestTable(of source: Source, _ table: JobTable) throws {
    guard dialect == .postgres else { throw source.noDigestTable }
    let keys = source.keys.map(\.quotedIdentifier)
    let columns = zip(keys, table.keyTypes).map { "  \($0) \($1) NOT NULL," }.joined(separator: "\n")
    func migration(_ name: String) -> String {
      [source.schema.map(IndexName.plain), name].compactMap(\.self).joined(separator: "_")
    }
    let own = DigestTable.name(of: source)
    // The column for which this job made it is the first that says so.
    let isMade = table.digestsAreUnclaimed && isRecorded(migration(own.plain))
    let name = SQLName(
      schema: source.schema ?? table.schema,
      choose(own, of: source, on: source.tableName, table, isOwn: isMade))
    try add(
      migration(name.name),
      up: """
        CREATE TABLE \(name.quoted) (
        \(columns)
          \(DigestTable.column) bytea NOT NULL,
          PRIMARY KEY (\(keys.joined(separator: ", ")))
        )
        """,
      down: "DROP TABLE \(name.quoted)")
    try add(
      "\(migration(name.name))_owner",
      up: "COMMENT ON TABLE \(name.quoted) IS \(DigestTable.comment(of: source).sqlLiteral)",
      down: "COMMENT ON TABLE \(name.quoted) IS NULL")
  }

  /// The index called `name` of the rows that the trigger has marked; `keys` are the key's columns as SQL, nil for a row's
  /// number, in whose order an index gives equal entries.
  mutating func addMarkedRowsIndex(_ name: String, of source: Source, on table: SQLName, keys: String?) throws {
    guard source.isMarked else { return try withdrawIndex(name, on: table) }
    let digest = digestColumn(of: source).quotedIdentifier
    let predicate = dialect == .postgres ? MarkedRowsIndex.predicate(digest: digest) : "\(digest) = x''"
    try addIndex(name, on: table, "(\(keys ?? digest)) WHERE \(predicate)")
  }

  /// Why no trigger can see that the text is edited; nil where one can.
  private func obstacle(to source: Source, _ table: JobTable) -> String? {
    switch dialect {
    case .sqlite:
      guard source.text.columns == nil else { return nil }
      return
        "what an SQL expression fails with in a trigger of SQLite would keep the application from writing"
    case .postgres:
      return source.obstacleToTrigger(unwatchable: table.unwatchable, generated: table.generated)
    }
  }

  /// nil where the trigger can't be.
  private func scripts(
    of trigger: EditTrigger, _ name: String, on part: SQLName, _ table: JobTable
  ) -> EditTrigger.Scripts? {
    dialect == .postgres
      ? trigger.postgres(name, on: part, schema: table.schema) : trigger.sqlite(name, keys: table.rowColumns)
  }
}

extension Source {
  /// Why no trigger of PostgreSQL can see that the text is edited; nil where one can.
  ///
  /// - Parameters:
  ///   - unwatchable: why a trigger can't compute the text; nil where it can.
  ///   - generated: the table's generated columns.
  func obstacleToTrigger(unwatchable: String?, generated: [String]) -> String? {
    if let unwatchable { return "a trigger can't compute its text: \(unwatchable)" }
    return generated.first(where: text.names).map {
      "its text reads \($0), a generated column, and a trigger before the update can't see what it becomes"
    }
  }
}

extension SourceText {
  /// Whether it is made of the column `name`, as far as its SQL says.
  fileprivate func names(_ name: String) -> Bool {
    if let columns { return columns.contains(name) }
    guard case .sql(let expression) = self else { return false }
    return SQLLexer.leadingTokens(of: expression, .postgres).contains { $0.identifier == name }
  }
}

extension Source {
  /// Whether a trigger marks its edited rows.
  fileprivate var isMarked: Bool { edits == .digest && !keepsDigestsApart }
}
