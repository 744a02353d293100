/// Which column is filled, as its database itself says: the same however its address and its name are spelled.
package struct ColumnIdentity: Hashable, Sendable {
  /// A number of the database's own, e.g. "postgresql 7421883309112233445/16384" or "sqlite 5f0c71aa".
  package let database: String
  /// Table and column: by number where the database keeps one over a rename, e.g. "16402.5", else by name.
  package let column: String

  package init(database: String, column: String) {
    self.database = database
    self.column = column
  }
}

extension ColumnIdentity: CustomStringConvertible {
  package var description: String { "\(database) \(column)" }
}

extension ColumnIdentity {
  /// The part of the column that a shard is: the ledger keeps its watermark and its spool apart, also from those of another
  /// plan.
  package func part(_ shard: StoredShard) -> ColumnIdentity {
    ColumnIdentity(
      database: database, column: "\(column) shard \(shard.number) of \(shard.count) planned \(shard.plan)")
  }

  /// The number of the shard that a column's description is of; nil for a whole column.
  package static func shard(in description: String) -> Int? {
    description.firstMatch(of: #/ shard ([0-9]+) of [0-9]+ planned [^ ]+$/#).flatMap { Int($0.1) }
  }
}
