import Backfill
import Dispatch
import Foundation

/// SIGINT, SIGTERM and SIGHUP as stop requests, in place of their default of killing the process.
///
/// Until a run has begun there is nothing to be brought to an end: a signal then ends the process at once. A second
/// signal cancels what is under way. What can't be cancelled, as a name that the system looks up, is not waited for: the
/// process ends then, and whatever matters is in the ledger, as after a SIGKILL.
final class StopSignals: Sendable {
  let requests = StopRequests()
  /// How long what was cancelled may take to end.
  static let lastGrace: TimeInterval = 3

  private struct State {
    var hasBegun = false
    var first: StopCause?
  }

  private let state = Locked(State())
  // Only activated and cancelled, which dispatch allows from any thread.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  /// - Parameters:
  ///   - announce: says that the signal has come.
  ///   - abandon: says that the process ends though something hangs.
  init(
    announce: @escaping @Sendable (StopCause) -> Void, abandon: @escaping @Sendable (StopCause) -> Void
  ) {
    let signals = [(SIGINT, StopCause.interrupt), (SIGTERM, .terminate), (SIGHUP, .terminate)]
    sources = signals.map { [requests, state] number, cause in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        guard state.withLock({ $0.hasBegun }) else { exit(Ending.stopped(cause).exitCode.rawValue) }
        announce(cause)
        requests.add(cause)
        let first = state.withLock { state in
          defer { state.first = state.first ?? cause }
          return state.first
        }
        guard let first else { return }
        // A thread of its own: those of the pool may be what hangs.
        Thread.detachNewThread {
          Thread.sleep(forTimeInterval: StopSignals.lastGrace)
          abandon(first)
          _exit(Ending.stopped(first).exitCode.rawValue)
        }
      }
      source.activate()
      return source
    }
  }

  /// From now on a signal is a request to stop.
  func begin() {
    state.withLock { $0.hasBegun = true }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
