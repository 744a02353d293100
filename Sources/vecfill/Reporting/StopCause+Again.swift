import Backfill

extension StopCause {
  /// What to do next, where it has left work.
  var again: String {
    switch self {
    case .hours: "run the same command again within them to go on, or with --follow, which waits for them"
    default: "run the same command again to go on"
    }
  }
}
