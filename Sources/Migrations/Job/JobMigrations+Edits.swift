import Backfill
import PgVector
import Postgres

/// What `edits` in a job needs of a table, and what goes where the job no longer says so.
extension JobMigrations {
  mutating func addEditTriggers(of source: Source, _ table: JobTable) throws {
    let obstacle = obstacle(to: source, table)
    if let obstacle, source.edits == .clear {
      throw JobTable.refusal(
        source, obstacle, "name the columns that it is made of as the job's text, or say edits: digest")
    }
    if let obstacle, source.isMarked {
      note("\(source.name): each run looks at every row to find the edited texts: \(obstacle)")
    }
    for edits in [Edits.clear, .digest] {
      var kind = source
      kind.edits = edits
      for (name, scripts) in triggers(of: kind, table) {
        if edits == source.edits, obstacle == nil, !source.keepsDigestsApart {
          try add(name, up: scripts.up, down: scripts.down)
        } else {
          try withdraw(name, by: scripts.down)
        }
      }
    }
  }

  /// The column of the digests, which is left where `edits` is taken out of the job.
  mutating func addDigestColumn(of source: Source) throws {
    let (table, column) = (source.tableName.quoted, source.digestColumn.quotedIdentifier)
    try add(
      IndexName.plain([source.schema, source.table, source.digestColumn].compactMap(\.self).joined(separator: " ")),
      up: "ALTER TABLE \(table) ADD COLUMN \(column) \(dialect == .postgres ? "bytea" : "BLOB")",
      down: "ALTER TABLE \(table) DROP COLUMN \(column)")
  }

  /// vecfill's own table of the digests, which is left like the column.
  mutating func addDigestTable(of source: Source, _ table: JobTable) throws {
    guard dialect == .postgres else { throw source.noDigestTable }
    let keys = source.keys.map(\.quotedIdentifier)
    let columns = zip(keys, table.keyTypes).map { "  \($0) \($1) NOT NULL," }.joined(separator: "\n")
    let name = SQLName(schema: source.schema ?? table.schema, DigestTable.name(of: source))
    try add(
      [source.schema.map(IndexName.plain), name.name].compactMap(\.self).joined(separator: "_"),
      up: """
        CREATE TABLE \(name.quoted) (
        \(columns)
          \(DigestTable.column) bytea NOT NULL,
          PRIMARY KEY (\(keys.joined(separator: ", ")))
        )
        """,
      down: "DROP TABLE \(name.quoted)")
  }

  /// The index of the rows that the trigger has marked; `keys` are the key's columns as SQL.
  mutating func addMarkedRowsIndex(of source: Source, on table: SQLName, keys: String) throws {
    let name = IndexName.of(source, "edited")
    guard source.isMarked else { return try withdrawIndex(name, on: table) }
    let digest = source.digestColumn.quotedIdentifier
    let predicate = dialect == .postgres ? MarkedRowsIndex.predicate(digest: digest) : "\(digest) = x''"
    try addIndex(name, on: table, "(\(keys)) WHERE \(predicate)")
  }

  /// Why no trigger can see that the text is edited; nil where one can.
  private func obstacle(to source: Source, _ table: JobTable) -> String? {
    switch dialect {
    case .sqlite:
      guard source.text.columns == nil else { return nil }
      return
        "what an SQL expression fails with in a trigger of SQLite would keep the application from writing"
    case .postgres:
      return table.generated.first(where: source.text.names).map {
        "its column \($0) is generated, and a trigger before the update can't see what it becomes"
      }
    }
  }

  /// The triggers of `source` with the names of their migrations.
  private func triggers(of source: Source, _ table: JobTable) -> [(name: String, EditTrigger.Scripts)] {
    let trigger = EditTrigger(source)
    guard dialect == .postgres else {
      return trigger.sqlite(keys: table.rowColumns).map { [(trigger.migration(on: source.tableName), $0)] } ?? []
    }
    return table.triggered.map { part in
      (trigger.migration(on: part), trigger.postgres(on: part, schema: table.schema))
    }
  }
}

extension EditTrigger {
  /// The name of the migration that makes it on `table`.
  fileprivate func migration(on table: SQLName) -> String {
    [table.schema.map(IndexName.plain), name(on: table)].compactMap(\.self).joined(separator: "_")
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
