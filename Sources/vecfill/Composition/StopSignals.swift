import Backfill
import Dispatch
import Foundation

/// SIGINT and SIGTERM as a stream, in place of their default of killing the process.
final class StopSignals {
  let causes: AsyncStream<StopCause>
  private let sources: [any DispatchSourceSignal]

  /// - Parameter announce: tells a person that the signal has come.
  init(announce: @escaping @Sendable (StopCause) -> Void) {
    let (causes, continuation) = AsyncStream<StopCause>.makeStream()
    self.causes = causes
    sources = [(SIGINT, StopCause.interrupt), (SIGTERM, .terminate)].map { number, cause in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        announce(cause)
        continuation.yield(cause)
      }
      source.activate()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
