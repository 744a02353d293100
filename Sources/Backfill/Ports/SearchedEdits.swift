/// Up to where a column was searched for edited rows: what a complete search leaves for the next one, which need not read
/// the text of a row that was not written since.
///
/// Only the store that made it understands it. Without it the next search reads every text, and finds the same rows.
package struct SearchedEdits: Codable, Equatable, Sendable {
  /// The moment in the database's history at which the search began.
  package let point: String
  /// What the search left in the database. In another database, or in one that was put back to an earlier state, it is not
  /// there.
  package let mark: String
  /// What was searched: the text and the rows.
  package let scope: String

  package init(point: String, mark: String, scope: String) {
    self.point = point
    self.mark = mark
    self.scope = scope
  }
}
