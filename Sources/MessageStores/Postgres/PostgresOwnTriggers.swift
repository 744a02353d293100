import Backfill
import PgVector
import Postgres

/// vecfill's own triggers, by which edited rows are found (`edits: clear`) and new ones announced (`follow: notify`).
enum PostgresOwnTriggers {
  /// What a person should know of those that are missing, switched off or watch another column; `relation` is the table's object id.
  static func warnings(
    of source: Source, in relation: String, on connection: isolated PostgresConnection
  ) throws -> [String] {
    var wanted: [(suffix: String, lack: String)] = []
    if source.edits == .clear {
      wanted.append((TriggerName.Suffix.clear, "no trigger empties the vector of an edited row, which then keeps it"))
    }
    if source.notifies {
      wanted.append(
        (
          TriggerName.Suffix.notify,
          "no trigger notifies `vecfill run --follow` of new rows, so it has to look for them"
        ))
    }
    guard !wanted.isEmpty else { return [] }
    let family = try connection.inspect(
      """
      \(TableFamily.clause())
      SELECT c.oid, c.relname AS name, c.relispartition AS is_partition,
        array(SELECT t.tgname::text FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled IN ('O', 'A')
          AND \(TriggerName.watches("$2::text[]")))::text AS active
      FROM vecfill_family f JOIN pg_class c ON c.oid = f.oid WHERE c.relkind IN ('r', 'p')
      """, [.text(relation), .array(source.view == nil ? source.text.columns ?? [] : [])])
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

  /// Throws a `Failure` with `.configuration` where the trigger on edits of the table `relation` can't compute the text, as
  /// one of an earlier version: it takes each update of a row for an edit, vecfill's own write too.
  ///
  /// - Parameter obstacle: why it can't; nil where it can.
  static func check(
    _ source: Source, _ obstacle: String?, in relation: String, on connection: isolated PostgresConnection
  ) throws {
    guard let obstacle else { return }
    let suffix = source.edits == .clear ? TriggerName.Suffix.clear : TriggerName.Suffix.stale
    let found = try connection.inspect(
      "SELECT 1 FROM pg_trigger WHERE tgrelid = $1::oid AND tgname::text = ANY ($2::text[]) AND tgenabled IN ('O', 'A')",
      [.text(relation), .array(TriggerName.of(source, suffix).both)])
    guard !found.isEmpty else { return }
    throw Failure(
      .configuration, source.name,
      "its trigger on edits can't compute its text, and takes each update for an edit: \(obstacle)",
      remedy: source.edits == .clear
        ? "name the columns that it is made of as the job's text, or say edits: digest, and `vecfill migrate up JOB`"
        : "`vecfill migrate up JOB` removes it")
  }

  /// The names in an array as PostgreSQL writes it: vecfill's own need no quotes.
  private static func names(_ array: String) -> Set<Substring> {
    Set(array.dropFirst().dropLast().split(separator: ","))
  }
}
