import Postgres

/// The lock on filling a column. Every process takes the same one, however it spells the table, also after a rename.
package enum ColumnLock {
  /// - Parameters:
  ///   - table: the table's object id.
  ///   - number: the column's number in its table.
  package static func name(table: String, number: Int) -> String { "vecfill \(table).\(number)" }
}
