import Backfill
import Dispatch
import Foundation

/// SIGINT, SIGTERM and SIGHUP as stop requests, in place of their default of killing the process.
///
/// Until a run has begun there is nothing to be brought to an end: a signal then ends the process at once, by its default or
/// here. None is ignored: dispatch takes it up a moment after it was asked to, and what came before would be lost. A second
/// signal cancels what is under way. What can't be cancelled, as a name that the system looks up, is not waited for: the
/// process ends then, and whatever matters is in the ledger, as after a SIGKILL.
///
/// `timeout` and a shell that ends send a signal twice, to the process and to its group. The same signal within `echo` is
/// one request. Under `nohup` SIGHUP stays ignored.
final class StopSignals: Sendable {
  let requests = StopRequests()
  /// How long what was cancelled may take to end.
  static let lastGrace: TimeInterval = 3
  /// How long one signal may come again and still be the same request to stop.
  private static let echo: Duration = .milliseconds(300)

  struct State {
    var hasBegun = false
    var first: StopCause?
    private var last: (cause: StopCause, at: ContinuousClock.Instant)?

    /// Takes note of a signal; false for the echo of the last one.
    mutating func isNew(_ cause: StopCause, at now: ContinuousClock.Instant) -> Bool {
      if let last, last.cause == cause, last.at.duration(to: now) < StopSignals.echo { return false }
      last = (cause, now)
      return true
    }
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
    let signals = [(SIGINT, StopCause.interrupt), (SIGTERM, .terminate), (SIGHUP, .hangup)]
    sources = signals.compactMap { [requests, state] number, cause in
      guard number != SIGHUP || !StopSignals.isIgnored(number) else { return nil }
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        guard state.withLock({ $0.hasBegun }) else { _exit(Ending.stopped(cause).exitCode.rawValue) }
        guard state.withLock({ $0.isNew(cause, at: .now) }) else { return }
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

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    sigaction(number, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// From now on a signal is a request to stop.
  func begin() {
    state.withLock { $0.hasBegun = true }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
