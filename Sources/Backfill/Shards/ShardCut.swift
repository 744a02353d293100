/// One shard of a table as a plan cuts it.
package struct ShardCut: Equatable, Sendable {
  package let range: ShardRange
  /// The rows that lacked a vector in it when it was cut.
  package let rows: Int

  package init(range: ShardRange, rows: Int) {
    self.range = range
    self.rows = rows
  }

  /// The shards of a table, between `bounds`, which are one fewer than there are shards; all of it for the first one where
  /// there are none.
  ///
  /// - Parameter rows: the rows that lack a vector in the table.
  package static func all(_ count: Int, bounds: [RowKey], rows: Int) -> [ShardCut] {
    guard count > 1, bounds.count == count - 1 else {
      return (0..<count).map { ShardCut(range: $0 == 0 ? .whole : .none, rows: $0 == 0 ? rows : 0) }
    }
    let ends = [nil] + bounds + [nil]
    return (0..<count).map { shard in
      ShardCut(
        range: ShardRange(after: ends[shard], through: ends[shard + 1]),
        rows: lastRow(of: shard, of: count, rows) - (shard == 0 ? 0 : lastRow(of: shard - 1, of: count, rows)))
    }
  }

  /// The shards of a job whose tables are each cut for itself: first those of the first table, in which no row of another
  /// one is, then those of the next one.
  package static func apart(_ tables: [[ShardCut]]) -> [[ShardCut]] {
    tables.indices.map { own in
      tables.indices.flatMap { index in
        index == own ? tables[index] : tables[index].map { _ in ShardCut(range: .none, rows: 0) }
      }
    }
  }

  /// The number, counted from 1, of the last row of a shard.
  package static func lastRow(of shard: Int, of count: Int, _ rows: Int) -> Int { rows * (shard + 1) / count }
}
