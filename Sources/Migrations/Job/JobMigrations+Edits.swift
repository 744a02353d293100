import Backfill
import PgVector
import Postgres

/// What `edits` in a job needs of a table, and what goes where the job no longer says so.
extension JobMigrations {
  mutating func addEditTriggers(of source: Source, _ table: JobTable) throws {
    for edits in [Edits.clear, .digest] {
      var kind = source
      kind.edits = edits
      if edits == source.edits { try checkTrigger(source, table) }
      for (name, scripts) in triggers(of: kind, table) {
        if edits == source.edits {
          try add(name, up: scripts.up, down: scripts.down)
        } else {
          try withdraw(name, by: scripts.down)
        }
      }
    }
  }

  /// Throws where no trigger could see the text.
  private func checkTrigger(_ source: Source, _ table: JobTable) throws {
    guard dialect == .postgres, table.hasGeneratedText else { return }
    throw JobTable.refusal(
      source, "its column \(source.text) is generated, and a trigger before the update can't see what it becomes",
      "take edits: out of the job, or name the columns that it is made of as the job's text")
  }

  /// The triggers of `source` with the names of their migrations.
  private func triggers(of source: Source, _ table: JobTable) -> [(name: String, EditTrigger.Scripts)] {
    let text = source.text.quotedIdentifier
    guard dialect == .postgres else {
      let trigger = EditTrigger(source) { "CAST(\($0).\(text) AS BLOB)" }
      return [(trigger.migration(on: source.tableName), trigger.sqlite(keys: table.rowColumns))]
    }
    let trigger = EditTrigger(source) { "\($0).\(text)::pg_catalog.text" }
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
