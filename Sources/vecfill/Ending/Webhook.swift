import Backfill
import EmbeddingAPIs
import Foundation

/// The address of `--webhook`, which is told how a run ended. It is a secret as a rule: only its host is ever told.
struct Webhook: Sendable {
  private let url: String
  private let host: String

  private static let loopback = ["localhost", "127.0.0.1", "::1", "[::1]"]

  /// nil where `url` is neither https nor http on this machine's loopback.
  init?(_ url: String) {
    guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
      !url.contains(where: { $0.isWhitespace || $0.isNewline })
    else { return nil }
    let scheme = parts.scheme?.lowercased()
    guard scheme == "https" || scheme == "http" && Webhook.loopback.contains(host) else { return nil }
    self.url = url
    self.host = host
  }

  /// POSTs the summary, and once more where that failed; returns what went wrong, nil where nothing did.
  func post(_ summary: String, timeout: Duration = .seconds(10), pause: Duration = .seconds(1)) async -> String? {
    var options = HTTPClient.Options(environment: ProcessInfo.processInfo.environment)
    options.timeout = timeout
    guard let client = try? HTTPClient(options) else { return "--webhook: no request could be made" }
    let request = HTTPRequest(
      url: url, headers: [("Content-Type", "application/json")], body: Data((summary + "\n").utf8),
      maxReplyBytes: 1 << 16)
    var problem = ""
    for attempt in 1...2 {
      if attempt > 1 { try? await Task.sleep(for: pause) }
      do {
        let status = try await client.send(request).status
        guard !(200..<300).contains(status) else { return nil }
        problem = "status \(status)"
        // What was refused as such is refused again.
        guard status >= 500 || status == 429 || status == 408 else { break }
      } catch {
        problem = "\(error.cause)"
      }
    }
    return "--webhook: \(host) was not told: \(problem)"
  }
}
