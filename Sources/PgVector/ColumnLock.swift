import Postgres

/// The lock on filling a column. Every process takes the same one, however it spells the table, also after a rename.
package enum ColumnLock {
  /// - Parameters:
  ///   - table: the table's object id.
  ///   - number: the column's number in its table.
  package static func name(table: String, number: Int) -> String { "vecfill \(table).\(number)" }

  /// The lock on filling one shard of it: who has it shares the column's lock with the other shards.
  package static func name(table: String, number: Int, shard: Int) -> String {
    "\(name(table: table, number: number)) shard \(shard)"
  }
}
