import Backfill
import Logging

extension StopSignals {
  /// Signals that are told in a log; requests in flight may take `grace` seconds to end.
  convenience init(_ logger: Logger, grace: Double) {
    self.init { cause in
      logger.tell(
        .notice, .stopping,
        "\(cause.name): stopping within \(grace.fixed(0)) s; a second signal cancels what is under way",
        ["signal": .string(cause.name), "grace_seconds": .number(grace)])
    } abandon: { cause in
      logger.warning("\(cause.name): ended without what does not answer; run the same command again to go on")
    }
  }
}
