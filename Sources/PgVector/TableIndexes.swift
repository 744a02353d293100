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
  package init(of relation: String, isPartitioned: Bool, on connection: isolated PostgresConnection) throws {
    let table = try connection.query(
      """
      SELECT format('%s.%I', c.relnamespace::regnamespace, c.relname) AS name, c.relnamespace::regnamespace AS schema
      FROM pg_class c WHERE c.oid = $1::oid
      """, [.text(relation)]
    ).first
    // A session's first join or sort reads a hundred buffers of the catalogue, and few tables are partitioned.
    let added = try connection.query(
      isPartitioned
        ? """
        SELECT c.relname AS name, c.relam AS method FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relam >= '\(Self.firstOfExtensions)'::oid AND (i.indrelid = $1::oid
          OR i.indrelid IN (SELECT relid FROM pg_partition_tree($1::oid)) AND NOT c.relispartition)
        """
        : """
        SELECT (SELECT c.relname FROM pg_class c WHERE c.oid = i.indexrelid) AS name,
          (SELECT c.relam FROM pg_class c WHERE c.oid = i.indexrelid AND c.relam >= '\(Self.firstOfExtensions)'::oid)
            AS method
        FROM pg_index i WHERE i.indrelid = $1::oid
        """, [.text(relation)]
    ).filter { $0["method"] != nil }
    let methods =
      added.isEmpty
      ? []
      : try connection.query("SELECT oid FROM pg_am WHERE amname IN ('hnsw', 'ivfflat')").compactMap { $0[0] }
    present = added.filter { methods.contains($0["method"] ?? "") }.compactMap { $0["name"] }.sorted()
    let intents = IndexIntents(of: table?["name"] ?? "", in: table?["schema"] ?? "")
    let reading = try intents.read(on: connection)
    away = reading.intents.filter { !$0.isPart }.map(\.name)
    isUnreadable = reading.isUnreadable
    warnings = reading.warnings
  }

  /// The first object id that isn't PostgreSQL's own: where no index is of such a method, none is a vector index.
  private static let firstOfExtensions = 16384
}
