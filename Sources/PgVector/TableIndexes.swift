import Postgres

/// What there is to know of a table's vector indexes before a load, read in a few milliseconds on any connection.
///
/// All of the table's count, on whatever column: an update that isn't HOT inserts into each of them.
package struct TableIndexes: Equatable, Sendable {
  /// The vector indexes that are there; of a partitioned table, those of its partitions too.
  package let present: [String]
  /// Those that a load dropped and that aren't back.
  package let away: [String]
  /// Whether the role lacks the right to read which are away.
  package let isUnreadable: Bool
  /// What was not trusted, a sentence each.
  package let warnings: [String]

  /// Whether an index of the table is away or may be: only then, with `index: {when: keep}`, is there anything to put back.
  package var mayBeAway: Bool { !away.isEmpty || isUnreadable }

  /// Of the table with the object id `relation`. Throws a `PostgresError`.
  package init(of relation: String, on connection: isolated PostgresConnection) throws {
    let table = try connection.query(
      """
      SELECT format('%I.%I', n.nspname, c.relname) AS name, quote_ident(n.nspname) AS schema
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid
      """, [.text(relation)]
    ).first
    present = try connection.query(
      """
      SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      WHERE m.amname IN ('hnsw', 'ivfflat') AND (i.indrelid = $1::oid
        OR i.indrelid IN (SELECT relid FROM pg_partition_tree($1::oid)) AND NOT c.relispartition)
      ORDER BY 1
      """, [.text(relation)]
    ).compactMap { $0[0] }
    let intents = IndexIntents(of: table?["name"] ?? "", in: table?["schema"] ?? "")
    let reading = try intents.read(on: connection)
    away = reading.intents.map(\.name)
    isUnreadable = reading.isUnreadable
    warnings = reading.warnings
  }
}
