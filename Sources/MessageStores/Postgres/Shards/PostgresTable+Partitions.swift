import Backfill
import Postgres

extension PostgresTable {
  /// The partitions that hold its rows, at whatever level, in the order of their names; none where it is not partitioned.
  func partitions(on connection: isolated PostgresConnection) throws -> [ShardRange.Partition] {
    try connection.inspect(
      """
      SELECT c.oid AS id, format('%s.%s', n.nspname, c.relname) AS name FROM pg_partition_tree($1::oid) p
      JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE p.isleaf AND p.relid <> $1::oid AND c.relkind = 'r'
      ORDER BY n.nspname, c.relname
      """, [.text(oid)]
    ).map { ShardRange.Partition(id: $0["id"] ?? "", name: $0["name"] ?? "") }
  }

  /// The table as the shard of one partition reads it, or as it is; nil where the partition is no longer the table's.
  ///
  /// The partition is read by its own name, so that nothing of the others is looked at. That is asked for anew each time:
  /// it may be renamed, and the rows of one that was detached are none of the table's.
  func reading(
    _ partition: ShardRange.Partition?, on connection: isolated PostgresConnection
  ) throws -> PostgresTable? {
    guard let partition else { return self }
    let found = try connection.inspect(
      """
      SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = $1::oid AND $2::oid IN (SELECT relid FROM pg_partition_ancestors($1::oid))
      """, [.text(partition.id), .text(oid)])
    guard let name = found.first?["name"] else { return nil }
    var table = self
    table.partition = name
    return table
  }
}
