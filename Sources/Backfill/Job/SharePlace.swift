/// Where processes that call the same provider and model share its limits and a budget.
package enum SharePlace: String, CaseIterable, Sendable {
  /// Nowhere: a process has them for itself.
  case none
  /// In a table of the job's database.
  case database
}
