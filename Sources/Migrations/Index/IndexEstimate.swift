import Backfill

/// How long a load takes with the indexes kept and with them rebuilt.
///
/// Measured on two cores with 20,000 rows of 1536 dimensions: some 210 rows/s into an HNSW index, 12,000 without one, and
/// 27.6 s for the build with two workers and all of the graph in memory.
package struct IndexEstimate: Equatable, Sendable {
  package let keeping: Duration
  package let rebuilding: Duration

  /// - Parameters:
  ///   - missing: the rows that the load fills.
  ///   - total: the rows that each index holds after it.
  ///   - indexes: how many vector indexes the table has, on whatever column.
  package init(missing: Int, total: Int, dimensions: Int, indexes: Int = 1) {
    let width = Double(max(dimensions, 1)) / 1536
    let load = Double(missing) / 12_000 * width
    keeping = .seconds(load + Double(indexes * missing) / 210 * width)
    rebuilding = .seconds(load + Double(indexes * total) * 27.6 / 20_000 * width)
  }

  /// Whether dropping the indexes for the load saves time; a few rows in a large table are written sooner with them.
  package var paysToRebuild: Bool { rebuilding < keeping }

  /// Whether it saves so much, a minute, that a person should hear of it.
  package var isWorthAdvice: Bool { keeping - rebuilding >= .seconds(60) }

  /// What both ways take, for a person.
  package func sentence(_ source: String, missing: Int, indexes: [String]) -> String {
    "\(source): writing \(missing.of("row")) takes some \(keeping.rough) with \(indexes.joined(separator: ", ")) kept and "
      + "\(rebuilding.rough) with \(indexes.count == 1 ? "it" : "them") rebuilt"
  }

  /// The same with what to write in the job.
  package func advice(_ source: String, missing: Int, indexes: [String]) -> String {
    sentence(source, missing: missing, indexes: indexes) + "; `index: {when: rebuild}` in the job does that"
  }
}
