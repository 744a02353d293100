import Backfill

/// What becomes of the indexes that are away when a run ends.
enum IndexEnding: Equatable {
  /// The columns are filled: they are put back, and those that the job asks for are built.
  case finish
  /// No rerun of the same command brings the load further: they are put back.
  case putBack
  /// A rerun goes on with the load: they stay away, and are named.
  case leave

  /// - Parameter isBudgetSpent: whether an ending with 82 is for the job's own budget or `--max-cost`, which a rerun may
  ///   raise, and not for the provider's credit.
  init(_ ending: Ending, isBudgetSpent: Bool) {
    switch ending.exitCode {
    case .complete, .quarantined: self = .finish
    case .denied, .configuration: self = .putBack
    case .budget: self = isBudgetSpent ? .leave : .putBack
    default: self = .leave
    }
  }
}
