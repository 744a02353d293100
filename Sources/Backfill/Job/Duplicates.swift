/// Over which rows equal texts are paid once.
package enum Duplicates: String, Sendable, CaseIterable {
  /// Those of a page.
  case page
  /// Those of the whole column, as far as the ledger knows which texts it has.
  case table
}
