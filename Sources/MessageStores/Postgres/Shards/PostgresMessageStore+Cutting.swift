import Backfill
import Postgres

extension PostgresMessageStore {
  /// Cuts the rows of `source` that lack a vector into so many shards of the same size, in the source's order. Each
  /// statement looks at a bounded number of rows.
  ///
  /// - Parameter progress: gets the number of rows found so far.
  package func cut(
    _ source: Source, into count: Int, progress: @Sendable (Int) -> Void = { _ in }
  ) async throws -> [ShardCut] {
    let table = try await table(of: source)
    var windows: [(after: RowKey?, through: RowKey?, found: Int)] = []
    var (rows, after): (Int, RowKey?) = (0, nil)
    repeat {
      let range = range(of: table, after: after, through: nil)
      let (found, end) = try await read(source) { try range.count(on: $0) }
      windows.append((after, end, found))
      rows += found
      progress(rows)
      after = end
    } while after != nil
    guard rows >= count, count > 1 else { return ShardCut.all(count, bounds: [], rows: rows) }
    let last = (0..<count - 1).map { ShardCut.lastRow(of: $0, of: count, rows) }
    var bounds: [RowKey] = []
    var before = 0
    for window in windows {
      let ranks = last.filter { $0 > before && $0 <= before + window.found }.map { $0 - before }
      if !ranks.isEmpty {
        let range = range(of: table, after: window.after, through: window.through)
        let keys = try await read(source) { try range.keys(at: ranks, on: $0) }
        // Of rows that were filled or deleted meanwhile, the window's end or the bound before stands in.
        guard let end = keys.last ?? window.through ?? bounds.last else {
          return ShardCut.all(count, bounds: [], rows: rows)
        }
        bounds += keys + Array(repeating: window.through ?? end, count: ranks.count - keys.count)
      }
      before += window.found
    }
    return ShardCut.all(count, bounds: bounds, rows: rows)
  }

  /// Makes each partition of `source` a shard, with the rows that lack a vector in it; where it has none, the whole table
  /// is one.
  ///
  /// - Parameter progress: gets the number of rows found so far.
  package func cutByPartition(
    _ source: Source, progress: @Sendable (Int) -> Void = { _ in }
  ) async throws -> [ShardCut] {
    let partitions = try await partitions(of: source)
    let ranges = partitions.isEmpty ? [ShardRange.whole] : partitions.map { ShardRange(partition: $0) }
    var cuts: [ShardCut] = []
    var rows = 0
    for range in ranges {
      let found = try await countRemaining(in: source, range)
      cuts.append(ShardCut(range: range, rows: found))
      rows += found
      progress(rows)
    }
    return cuts
  }

  /// The partitions of `source` that hold rows, in the order of their names; none where it is not partitioned.
  ///
  /// Throws a `Failure` with `.configuration` where it is read by a view, which shows the rows of all partitions.
  package func partitions(of source: Source) async throws -> [ShardRange.Partition] {
    let table = try await table(of: source)
    let partitions = try await read(source) { try table.partitions(on: $0) }
    guard partitions.isEmpty || source.view == nil else {
      throw Failure(
        .configuration, source.reading.description,
        "the rows are read from a view, which can't be asked for one partition's rows",
        remedy: "cut the job by the key: `vecfill plan JOB --shards N`")
    }
    return partitions
  }

  /// Where texts are cut, rows without any piece count: whether all pieces of a row are there shows only in its text.
  private func range(of table: PostgresTable, after: RowKey?, through: RowKey?) -> PostgresRange {
    PostgresRange(
      of: table, after: after, through: through, missing: table.pieces?.lacksAny(outer: table.identifier))
  }
}
