import Backfill
import PgVector
import Postgres

/// The trigger that notifies a run that follows the table of each statement that writes texts: for `follow: notify`.
extension JobMigrations {
  mutating func addNotifyTrigger(of source: Source, _ table: JobTable) throws {
    for part in table.triggered {
      var own = source
      own.table = part.name
      let name = choose(TriggerName.of(own, TriggerName.Suffix.notify), of: source, on: part, table)
      let function = SQLName(schema: part.schema ?? table.schema, name).quoted
      let columns = source.text.columns.map { " OF \($0.map(\.quotedIdentifier).joined(separator: ", "))" } ?? ""
      // Those who listen know the source's own name only.
      let channel = TriggerName.channel(of: source)
      let scripts = EditTrigger.Scripts(
        up: """
          CREATE OR REPLACE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql AS $vecfill$
          BEGIN
            PERFORM pg_catalog.pg_notify('\(channel)', '');
            RETURN NULL;
          END
          $vecfill$;
          CREATE TRIGGER \(name.quotedIdentifier) AFTER INSERT OR UPDATE\(columns) ON \(part.quoted)
          FOR EACH STATEMENT EXECUTE FUNCTION \(function)();
          """,
        down: """
          DROP TRIGGER \(name.quotedIdentifier) ON \(part.quoted);
          DROP FUNCTION \(function)();
          """)
      try set(name, scripts, on: part, table, isWanted: source.notifies)
    }
  }
}
