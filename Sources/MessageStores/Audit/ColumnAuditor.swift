import Backfill

/// Reads what a source's vector column holds, in windows, and writes nothing: each statement is of a read-only transaction
/// and has its own time limit (P9).
///
/// All errors are `Failure`s that hold no text and no secret.
package protocol ColumnAuditor: Sendable {
  /// The next window of rows behind `key`, in key order.
  func window(after key: RowKey?) async throws -> AuditedWindow

  /// Those of the rows that still have a vector and a text that isn't blank and has at most `FilledRow.mostTextBytes`.
  func sample(_ keys: [RowKey]) async throws -> [SampledRow]

  /// The cosine distances of the neighbours that an index finds for `vector`; nil where a search uses no index.
  func neighboursByIndex(of vector: [Float]) async throws -> [Double]?

  /// The least cosine distances to each of `vectors` in the next window of rows, and where the next one begins.
  func neighboursExactly(of vectors: [[Float]], after key: RowKey?) async throws -> ([[Double]], after: RowKey?)
}
