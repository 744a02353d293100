import Backfill
import Dispatch
import Foundation

/// SIGINT and SIGTERM as stop requests, in place of their default of killing the process.
final class StopSignals {
  let requests = StopRequests()
  private let sources: [any DispatchSourceSignal]

  /// - Parameter announce: tells a person that the signal has come.
  init(announce: @escaping @Sendable (StopCause) -> Void) {
    sources = [(SIGINT, StopCause.interrupt), (SIGTERM, .terminate)].map { [requests] number, cause in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        announce(cause)
        requests.add(cause)
      }
      source.activate()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
