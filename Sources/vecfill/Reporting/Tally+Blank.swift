import Backfill

extension Tally {
  /// The blank rows; nil where an index leaves them out and they aren't counted.
  var blank: Int? { leavesOutBlank == true ? nil : excluded }

  /// What stands in the place of their number then.
  static let blankUncounted = "not counted: the index of missing rows leaves them out"
}
