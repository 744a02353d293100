/// The keys of one shard of a table, in the source's order. The first shard is open below and the last one above, so that
/// rows at both ends of a growing table are some shard's.
package struct ShardRange: Hashable, Sendable, Codable {
  /// A partition of the table that is a shard of its own, with all its rows.
  package struct Partition: Hashable, Sendable, Codable {
    /// Its object id, which a rename leaves as it is.
    package let id: String
    /// With its schema, as it was called when it was planned.
    package let name: String

    package init(id: String, name: String) {
      self.id = id
      self.name = name
    }
  }

  /// Only keys behind this one; nil for all.
  package let after: RowKey?
  /// Only keys up to this one; nil for all.
  package let through: RowKey?
  /// Whether no row is in it: of a table with fewer rows to fill than there are shards, the first shard has all.
  package let isEmpty: Bool
  /// Only the rows of this partition; nil for those of all.
  package let partition: Partition?

  package init(after: RowKey? = nil, through: RowKey? = nil, isEmpty: Bool = false, partition: Partition? = nil) {
    self.after = after
    self.through = through
    self.isEmpty = isEmpty
    self.partition = partition
  }

  package static let whole = ShardRange()
  package static let none = ShardRange(isEmpty: true)
}
