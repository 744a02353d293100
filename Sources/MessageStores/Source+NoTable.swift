import Backfill

extension Source {
  /// That what it names is there and is no table, in words of the database's kinds, e.g. "a view or a foreign table".
  package func noTable(but kinds: String, isView: Bool) -> Failure {
    Failure(
      .configuration, name, "it is \(kinds)",
      remedy: isView && view == nil
        ? "name the table itself, or the table that the view shows in write_to" : "name the table itself")
  }

  /// The same in PostgreSQL.
  ///
  /// - Parameter kind: its kind as pg_class.relkind has it.
  package func noTable(kind: String?) -> Failure { noTable(but: "a view or a foreign table", isView: kind == "v") }
}
