import Backfill

/// Rows of one table that are written together.
struct LoadBatch: Sendable {
  /// The place of the table in the job.
  let source: Int
  var rows: [EmbeddedRow] = []
  /// Where the line of each row is.
  var places: [RowKey: LinePlace] = [:]
}
