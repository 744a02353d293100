import CCurl
import Foundation

extension HTTPHeaders {
  /// The provider's id of the request: OpenAI's header, or Azure's. It may be shown only through `Redaction.shown`.
  var requestID: String? { self["x-request-id"] ?? self["apim-request-id"] ?? self["x-ms-request-id"] }

  /// How long the provider asks to wait: `retry-after-ms`, or `Retry-After` in seconds or as a time, or LiteLLM's
  /// `llm_provider-retry-after`. The first of them counts that can be read.
  ///
  /// A time is measured from the reply's own `Date`, so that a wrong clock on either side does not count, and from
  /// `now` where the reply has none.
  func retryAfter(now: Date) -> Duration? {
    let clock = self["date"].flatMap(HTTPHeaders.date) ?? now
    if let milliseconds = self["retry-after-ms"].flatMap(Double.init), milliseconds.isFinite,
      let wait = HTTPHeaders.wait(until: milliseconds / 1000, clock) ?? ProviderDuration.seconds(milliseconds / 1000)
    {
      return wait
    }
    return ["retry-after", "llm_provider-retry-after"].lazy.compactMap { self[$0] }.compactMap { (text) -> Duration? in
      if let wait = Double(text).flatMap({ HTTPHeaders.wait(until: $0, clock) }) { return wait }
      if let wait = ProviderDuration.parse(text) { return wait }
      return HTTPHeaders.date(text).flatMap { ProviderDuration.seconds(max(0, $0.timeIntervalSince(clock))) }
    }.first
  }

  /// The wait until a time in seconds or milliseconds since 1970; nil for a number that is too far from the clock's to be one.
  private static func wait(until number: Double, _ clock: Date) -> Duration? {
    let longest = ProviderDuration.longest / .seconds(1)
    return [number, number / 1000].map { $0 - clock.timeIntervalSince1970 }.first { abs($0) < longest }
      .flatMap { ProviderDuration.seconds(max(0, $0)) }
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
