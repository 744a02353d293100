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
    part(in: description).flatMap { Int($0.number) }
  }

  /// Whether it is a shard's part of a column.
  package var isPart: Bool { Self.part(in: column) != nil }

  /// The column of which this is a part, or which it is.
  package var whole: ColumnIdentity {
    guard let part = Self.part(in: column) else { return self }
    return ColumnIdentity(database: database, column: String(column.dropLast(part.0.count)))
  }

  /// Whether this and `other` are parts of one plan of one column: each of them may be at work while the other one is.
  package func isOfOnePlan(with other: ColumnIdentity) -> Bool {
    guard let own = Self.part(in: column), let others = Self.part(in: other.column) else { return false }
    return whole == other.whole && own.plan == others.plan
  }

  private static func part(in text: String) -> (Substring, number: Substring, plan: Substring)? {
    text.firstMatch(of: #/ shard (?<number>[0-9]+) of (?<plan>[0-9]+ planned [^ ]+)$/#).map {
      ($0.0, number: $0.number, plan: $0.plan)
    }
  }
}
