import Backfill
import Dispatch
import Foundation

/// SIGINT, SIGTERM and SIGHUP as stop requests, in place of their default of killing the process.
///
/// Until a run has begun there is nothing to be brought to an end: a signal then ends the process at once.
final class StopSignals: Sendable {
  let requests = StopRequests()
  private let hasBegun = Locked(false)
  // Only activated and cancelled, which dispatch allows from any thread.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  /// - Parameter announce: tells a person that the signal has come.
  init(announce: @escaping @Sendable (StopCause) -> Void) {
    let signals = [(SIGINT, StopCause.interrupt), (SIGTERM, .terminate), (SIGHUP, .terminate)]
    sources = signals.map { [requests, hasBegun] number, cause in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        guard hasBegun.withLock({ $0 }) else { exit(Ending.stopped(cause).exitCode.rawValue) }
        announce(cause)
        requests.add(cause)
      }
      source.activate()
      return source
    }
  }

  /// From now on a signal is a request to stop.
  func begin() {
    hasBegun.withLock { $0 = true }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
