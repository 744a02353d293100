/// The keys of one shard of a table, in the source's order. The first shard is open below and the last one above, so that
/// rows at both ends of a growing table are some shard's.
package struct ShardRange: Hashable, Sendable, Codable {
  /// Only keys behind this one; nil for all.
  package let after: RowKey?
  /// Only keys up to this one; nil for all.
  package let through: RowKey?
  /// Whether no row is in it: of a table with fewer rows to fill than there are shards, the first shard has all.
  package let isEmpty: Bool

  package init(after: RowKey? = nil, through: RowKey? = nil, isEmpty: Bool = false) {
    self.after = after
    self.through = through
    self.isEmpty = isEmpty
  }

  package static let whole = ShardRange()
  package static let none = ShardRange(isEmpty: true)
}
