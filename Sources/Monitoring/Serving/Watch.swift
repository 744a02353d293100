import Backfill
import Foundation
import ServiceLifecycle

/// Those who watch a run from outside, while it goes on: the listener, the file's writer, the pusher.
package struct Watch: Sendable {
  package var listen: ListenAddress?
  package var file: WholeFile?
  package var otlp: OTLPPusher?

  package init(listen: ListenAddress? = nil, file: WholeFile? = nil, otlp: OTLPPusher? = nil) {
    self.listen = listen
    self.file = file
    self.otlp = otlp
  }

  /// Runs `body` while `monitor` is watched; at its end the last state is written and pushed, in some seconds at most. Files and
  /// receivers are told nothing before the run has begun.
  ///
  /// Throws a `Failure` before `body` where the address or the file can't be had; after that only what `body` throws.
  ///
  /// - Parameters:
  ///   - tell: is told where is listened.
  ///   - exitCode: with which code the process will end, by what became of `body`.
  package func run<Value>(
    _ monitor: RunMonitor, tell: (String) -> Void, warn: @escaping @Sendable (String) -> Void,
    exitCode: (Result<Value, any Error>) -> ExitCode, _ body: () async throws -> Value
  ) async throws -> Value {
    let services = await ServicesBeside(try await services(monitor, tell: tell, warn: warn))
    let result: Result<Value, any Error>
    do {
      result = .success(try await body())
    } catch {
      result = .failure(error)
    }
    monitor.end(exitCode(result))
    await services.end()
    return try result.get()
  }

  /// In this order they begin, and the other way round they end: the listener last.
  private func services(
    _ monitor: RunMonitor, tell: (String) -> Void, warn: @escaping @Sendable (String) -> Void
  ) async throws -> [(name: String, service: any Service)] {
    var services: [(String, any Service)] = []
    // The file first: nothing has to be closed where it can't be written.
    try file?.tryOut()
    if let listen {
      let listener = try await Listener(listen, Answers(monitor: monitor))
      tell("listening at http://\(listener.address)")
      services.append(("listener", listener))
      services.append(("page", PeriodicService(interval: .seconds(1)) { _ in monitor.look() }))
    }
    if let file {
      let writer = MetricsFileWriter(file, monitor, OneWarning(warn))
      services.append(("metrics file", PeriodicService(interval: .seconds(10)) { _ in await writer.write() }))
    }
    if let otlp {
      services.append(("OTLP", PeriodicService(interval: otlp.settings.interval) { await otlp.push(isLast: $0) }))
    }
    return services
  }
}
