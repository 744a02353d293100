import Backfill
import PgVector
import Postgres

/// vecfill's own triggers, by which edited rows are found (`edits: clear`) and new ones announced (`follow: notify`).
enum PostgresOwnTriggers {
  /// What a person should know of those that are missing or switched off; `relation` is the table's object id.
  static func warnings(
    of source: Source, in relation: String, on connection: isolated PostgresConnection
  ) throws -> [String] {
    var wanted: [(suffix: String, lack: String)] = []
    if source.edits == .clear {
      wanted.append((TriggerName.Suffix.clear, "no trigger empties the vector of an edited row, which then keeps it"))
    }
    if source.notifies {
      wanted.append(
        (TriggerName.Suffix.notify, "no trigger tells a run that follows of new rows, so it looks for them"))
    }
    guard !wanted.isEmpty else { return [] }
    let family = try connection.inspect(
      """
      \(TableFamily.clause())
      SELECT c.oid, c.relname AS name, c.relispartition AS is_partition,
        array(SELECT t.tgname::text FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled IN ('O', 'A'))::text AS active
      FROM vecfill_family f JOIN pg_class c ON c.oid = f.oid WHERE c.relkind IN ('r', 'p')
      """, [.text(relation)])
    return wanted.compactMap { suffix, lack in
      let lacking = family.filter { row in
        var own = source
        // A partition has its table's trigger, by that name.
        if !row.isTrue("is_partition") || row["oid"] == relation { own.table = row["name"] ?? "" }
        return Self.names(row["active"] ?? "").isDisjoint(with: TriggerName.of(own, suffix).both.map { $0[...] })
      }
      guard !lacking.isEmpty else { return nil }
      let isAll = lacking.contains { $0["oid"] == relation }
      let place = isAll ? "" : " (in \(lacking.compactMap { $0["name"] }.sorted().joined(separator: ", ")))"
      return "\(source.name): \(lack)\(place): `vecfill migrate up JOB` makes it"
    }
  }

  /// The names in an array as PostgreSQL writes it: vecfill's own need no quotes.
  private static func names(_ array: String) -> Set<Substring> {
    Set(array.dropFirst().dropLast().split(separator: ","))
  }
}
