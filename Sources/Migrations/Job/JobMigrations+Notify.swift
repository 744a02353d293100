import Backfill
import PgVector
import Postgres

/// The trigger that notifies a run that follows the table of each statement that writes texts: for `follow: notify`.
extension JobMigrations {
  mutating func addNotifyTrigger(of source: Source, _ table: JobTable) throws {
    for part in table.triggered {
      var own = source
      own.table = part.name
      let name = TriggerName.of(own, TriggerName.Suffix.notify)
      let function = SQLName(schema: part.schema ?? table.schema, name).quoted
      let migration = [part.schema.map(IndexName.plain), name].compactMap(\.self).joined(separator: "_")
      let down = """
        DROP TRIGGER \(name.quotedIdentifier) ON \(part.quoted);
        DROP FUNCTION \(function)();
        """
      guard source.notifies else {
        try withdraw(migration, by: down)
        continue
      }
      let columns = source.text.columns.map { " OF \($0.map(\.quotedIdentifier).joined(separator: ", "))" } ?? ""
      // Those who listen know the source's own name only.
      let channel = TriggerName.of(source, TriggerName.Suffix.notify)
      try add(
        migration,
        up: """
          CREATE OR REPLACE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql AS $vecfill$
          BEGIN
            PERFORM pg_catalog.pg_notify('\(channel)', '');
            RETURN NULL;
          END
          $vecfill$;
          CREATE TRIGGER \(name.quotedIdentifier) AFTER INSERT OR UPDATE\(columns) ON \(part.quoted)
          FOR EACH STATEMENT EXECUTE FUNCTION \(function)();
          """, down: down)
    }
  }
}
