import Backfill

/// What becomes of the indexes that are away when a run ends.
enum IndexEnding: Equatable {
  /// The columns are filled: they are put back, and those that the job asks for are built.
  case finish
  /// No rerun of the same command brings the load further: they are put back.
  case putBack
  /// A rerun goes on with the load: they stay away, and are named.
  case leave

  init(_ ending: Ending) {
    switch ending {
    case .complete, .quarantined: self = .finish
    // A budget of the job's own may be raised; the provider's credit is another's business.
    case .failed(let failure) where failure.exitCode == .budget && failure.subject != Conductor.budgetSubject:
      self = .putBack
    case .failed(let failure) where [.denied, .configuration].contains(failure.exitCode): self = .putBack
    case .stopped, .failed, .waiting: self = .leave
    }
  }
}
