/// A duration as providers write it: "6m0s", "120ms", "2.812s", "1h2m3s", "20 seconds", or a bare number of seconds.
enum ProviderDuration {
  /// What is longer counts as this: 31 days.
  static let longest = Duration.seconds(31 * 86_400)

  /// A duration; nil for what is negative or no number.
  static func seconds(_ seconds: Double) -> Duration? {
    guard seconds >= 0 else { return nil }
    return seconds < longest / .seconds(1) ? .milliseconds(Int64((seconds * 1000).rounded(.up))) : longest
  }

  /// The duration that is the whole of `text`.
  static func parse(_ text: some StringProtocol) -> Duration? {
    var rest = Substring(text)
    guard let duration = takeFirst(from: &rest), rest.allSatisfy(\.isWhitespace) else { return nil }
    return duration
  }

  /// The duration at the start of `text`, whatever follows it.
  static func prefix(of text: some StringProtocol) -> Duration? {
    var rest = Substring(text)
    return takeFirst(from: &rest)
  }

  private static func takeFirst(from text: inout Substring) -> Duration? {
    var seconds: Double?
    while let (value, unit, rest) = takePart(of: text) {
      if unit.isEmpty, seconds != nil { break }
      guard let scale = unit.isEmpty ? 1 : unitSeconds[unit] else { break }
      seconds = (seconds ?? 0) + value * scale
      text = rest
      if unit.isEmpty { break }
    }
    return seconds.flatMap(ProviderDuration.seconds)
  }

  private static func takePart(of text: Substring) -> (value: Double, unit: String, rest: Substring)? {
    guard let match = text.prefixMatch(of: /\s*(\d+(?:\.\d+)?)\s?(\p{L}*)/), let value = Double(match.1) else {
      return nil
    }
    return (value, match.2.lowercased(), text[match.range.upperBound...])
  }

  private static let unitSeconds: [String: Double] = [
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60,
    "minute": 60, "minutes": 60, "h": 3600, "hour": 3600, "hours": 3600, "d": 86_400, "day": 86_400, "days": 86_400,
  ]
}
