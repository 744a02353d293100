import Backfill
import Postgres

/// Who is sent a table's rows by logical replication.
package enum Publications {
  /// The names of those that send all columns of the table with the object id `relation`, also one that comes later: a
  /// subscriber whose table lacks it stops.
  package static func ofAllColumns(
    of relation: String, on connection: isolated PostgresConnection
  ) throws -> [String] {
    // Column lists came with version 15.
    let isListed =
      try connection.serverVersion() < 150_000
      ? "false"
      : """
      EXISTS (SELECT FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
        WHERE p.pubname = t.pubname AND r.prattrs IS NOT NULL AND r.prrelid IN (SELECT oid FROM vecfill_family))
      """
    return try connection.query(
      """
      \(TableFamily.clause())
      SELECT DISTINCT t.pubname FROM pg_publication_tables t
      JOIN pg_namespace n ON n.nspname = t.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
      WHERE c.oid IN (SELECT oid FROM vecfill_family) AND NOT \(isListed) ORDER BY 1
      """, [.text(relation)]
    ).compactMap { $0[0] }
  }
}
