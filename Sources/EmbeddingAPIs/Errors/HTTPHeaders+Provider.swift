import CCurl
import Foundation

extension HTTPHeaders {
  /// The provider's id of the request: OpenAI's header, or Azure's. It may be shown only through `Redaction.shown`.
  var requestID: String? { self["x-request-id"] ?? self["apim-request-id"] ?? self["x-ms-request-id"] }

  /// How long the provider asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date, or LiteLLM's
  /// `llm_provider-retry-after`.
  ///
  /// A date is measured from the reply's own `Date`, so that a wrong clock on either side does not count, and from
  /// `now` where the reply has none.
  func retryAfter(now: Date) -> Duration? {
    if let milliseconds = self["retry-after-ms"].flatMap(Double.init) {
      return ProviderDuration.seconds(milliseconds / 1000)
    }
    guard let text = self["retry-after"] ?? self["llm_provider-retry-after"] else { return nil }
    if let duration = ProviderDuration.parse(text) { return duration }
    let clock = self["date"].flatMap(HTTPHeaders.date) ?? now
    return HTTPHeaders.date(text).flatMap { ProviderDuration.seconds(max(0, $0.timeIntervalSince(clock))) }
  }

  /// Where a reply redirects to: scheme, host and path, of which what may not be shown is "…"; nil where it says nothing.
  ///
  /// - Parameter address: the URL that was called.
  func redirection(from address: String, _ redaction: Redaction) -> String? {
    guard let location = self["location"],
      let url = URL(string: location, relativeTo: URL(string: address))?.absoluteURL,
      let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme), let host = url.host()
    else { return nil }
    let port = url.port.map { ":\($0)" } ?? ""
    let path = url.path().split(separator: "/").map { redaction.shown(String($0)) ?? "…" }
    return "\(scheme)://" + ([(redaction.shown(host) ?? "…") + port] + path).joined(separator: "/")
  }

  /// Whether the provider says that the same request is worth sending again.
  var shouldRetry: Bool? { self["x-should-retry"].flatMap { Bool($0.lowercased()) } }

  private static func date(_ text: String) -> Date? {
    let seconds = curl_getdate(text, nil)
    return seconds < 0 ? nil : Date(timeIntervalSince1970: TimeInterval(seconds))
  }
}

extension String {
  /// Whether it is a short run of the characters that ids and error codes are made of, and so can be told.
  var isPlainWord: Bool { isWord(with: "_.:-") }

  /// Whether it is at most 128 ASCII letters, digits and characters of `others`.
  ///
  /// By bytes, not by a regular expression: this is asked of each reply, and an expression is compiled again each time.
  func isWord(with others: String) -> Bool {
    (1...128).contains(utf8.count)
      && utf8.allSatisfy { byte in
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || others.utf8.contains(byte)
      }
  }
}
