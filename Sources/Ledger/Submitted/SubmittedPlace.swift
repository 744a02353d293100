import Backfill

/// Up to where a column's rows were submitted: what lies behind comes next.
package struct SubmittedPlace: Equatable, Sendable, Codable {
  /// Whether it is in the rows with a vector of an earlier text, which come after those without one.
  package var isInEdited = false
  /// nil for the beginning.
  package var after: RowKey?
  package var isAtEnd = false

  package init() {}
}
