import Backfill
import PgVector
import Postgres

/// What `edits` in a job needs of a table, and what goes where the job no longer says so.
extension JobMigrations {
  mutating func addEditTriggers(of source: Source, _ table: JobTable) throws {
    try checkTrigger(source, table)
    for edits in [Edits.clear, .digest] {
      var kind = source
      kind.edits = edits
      for (name, scripts) in triggers(of: kind, table) {
        if edits == source.edits {
          try add(name, up: scripts.up, down: scripts.down)
        } else {
          try withdraw(name, by: scripts.down)
        }
      }
    }
  }

  /// Throws where no trigger can see the text.
  private func checkTrigger(_ source: Source, _ table: JobTable) throws {
    guard source.edits != .ignore else { return }
    let isUnknown = dialect == .sqlite && source.text.columns == nil
    if isUnknown, source.edits == .clear {
      throw JobTable.refusal(
        source,
        "no trigger in SQLite can compare a text that is an SQL expression: what it fails with would keep the "
          + "application from writing", "name the columns that it is made of as the job's text, or say edits: digest")
    }
    let generated = table.generated.filter { source.text.names($0) }
    if dialect == .postgres, let column = generated.first {
      throw JobTable.refusal(
        source, "its column \(column) is generated, and a trigger before the update can't see what it becomes",
        "take edits: out of the job, or name the columns that it is made of as the job's text")
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
  /// Whether it is made of the column `name`, as far as its SQL tells.
  fileprivate func names(_ name: String) -> Bool {
    if let columns { return columns.contains(name) }
    guard case .sql(let expression) = self else { return false }
    return SQLLexer.leadingTokens(of: expression, .postgres).contains { $0.identifier == name }
  }
}
