/// A table with all its partitions and with all tables that inherit from it.
package enum TableFamily {
  /// A WITH clause that gives their object ids as `vecfill_family`; `table` is the table's own as SQL.
  package static func clause(of table: String = "$1::pg_catalog.oid") -> String {
    """
    WITH RECURSIVE vecfill_family AS (
      SELECT \(table) AS oid
      UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN vecfill_family f ON f.oid = i.inhparent
    )
    """
  }
}
