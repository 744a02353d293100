import Backfill
import Foundation

/// Pushes the metrics to an OpenTelemetry receiver. One that is away is said once: the next push has all again.
package struct OTLPPusher: Sendable {
  /// Posts a body with headers to a URL, and returns the status of the answer or why there was none.
  package typealias Post = @Sendable (_ url: String, _ headers: [(String, String)], Data) async -> Result<Int, Failure>

  package let settings: OTLPSettings
  let monitor: RunMonitor
  let warn: OneWarning
  let post: Post

  /// How long the last push may take: the process ends after it.
  static let lastTimeout: Duration = .seconds(3)

  package init(
    _ settings: OTLPSettings, _ monitor: RunMonitor, warn: @escaping @Sendable (String) -> Void, post: @escaping Post
  ) {
    self.settings = settings
    self.monitor = monitor
    self.warn = OneWarning(warn)
    self.post = post
  }

  package func push(isLast: Bool) async {
    guard monitor.isTold else { return }
    let timeout = isLast ? min(OTLPPusher.lastTimeout, settings.timeout) : settings.timeout
    let outcome = await within(timeout) { await sent() }
    guard !Task.isCancelled else { return }
    switch outcome {
    case .success(let status) where (200..<300).contains(status): break
    case .success(let status): say("it answered with status \(status)")
    case .failure(let failure): say(failure.reason)
    case nil: say("no answer came in \(timeout.clock)")
    }
  }

  private func sent() async -> Result<Int, Failure> {
    let request = OTLPRequest(
      monitor.families(), resource: settings.resource, version: monitor.facts.version, start: monitor.facts.start,
      now: Date())
    let headers = [("Content-Type", "application/json")] + settings.headers.sorted { $0.key < $1.key }.map { ($0, $1) }
    do {
      return await post(settings.url, headers, try request.json())
    } catch {
      return .failure(Failure(.unavailable, "OTLP", "the metrics can't be written as JSON"))
    }
  }

  private func say(_ reason: String) {
    warn.say("OTLP: no metrics pushed to \(settings.receiver): \(reason); the run goes on, and it is tried again")
  }
}
