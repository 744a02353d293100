/// Figures as a person reads them, the same everywhere and in every locale.
extension Int {
  /// With a comma between thousands: "12,345".
  package var grouped: String {
    let digits = Array(String(magnitude))
    let groups = stride(from: digits.count, to: 0, by: -3).map { String(digits[Swift.max(0, $0 - 3)..<$0]) }
    return (self < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
  }

  /// In three digits or more: "1.23M".
  package var short: String {
    switch magnitude {
    case 1_000_000_000_000...: "\((Double(self) / 1e12).fixed(2))T"
    case 1_000_000_000...: "\((Double(self) / 1e9).fixed(2))B"
    case 1_000_000...: "\((Double(self) / 1e6).fixed(2))M"
    case 10_000...: "\((Double(self) / 1e3).fixed(1))k"
    default: grouped
    }
  }

  /// As a clock has it: "07", "12".
  package var twoDigits: String { self < 10 ? "0\(self)" : "\(self)" }

  /// With its noun: "1 row", "1,204 rows", "2 retries".
  package func of(_ noun: String, plural: String? = nil) -> String {
    "\(grouped) \(self == 1 ? noun : plural ?? noun + "s")"
  }
}

extension Double {
  package func fixed(_ digits: Int) -> String {
    let scale = (0..<digits).reduce(1.0) { value, _ in value * 10 }
    let scaled = (magnitude * scale).rounded()
    guard scaled < 1e15 else { return "\(self)" }
    let whole = Int(scaled)
    let sign = self < 0 && whole > 0 ? "-" : ""
    guard digits > 0 else { return sign + whole.grouped }
    let unit = Int(scale)
    let fraction = String(whole % unit)
    return sign + (whole / unit).grouped + "." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// A share of 1 that is done: "33.4%", "100%"; never rounded up to what isn't done yet.
  package var percentDone: String {
    let percent = (1000 * self).rounded(.down) / 10
    return (percent == 100 ? "100" : percent.fixed(1)) + "%"
  }

  /// Dollars: "$0", "<$0.000001", "$0.000369", "$0.0247", "$12.34", "$10,111".
  package var dollars: String {
    switch self {
    case 0: "$0"
    case 0..<0.000001: "<$0.000001"
    // Cents of a small job's budget, in digits that tell them apart.
    case ..<0.001: price
    case ..<1: "$" + fixed(4)
    case ..<1000: "$" + fixed(2)
    default: "$" + fixed(0)
    }
  }

  /// A price of a million tokens, which is never rounded: "$0.02", "$0.125".
  package var price: String {
    let text = fixed(6)
    let end = text.lastIndex { $0 != "0" } ?? text.startIndex
    return "$" + (text[end] == "." ? text[..<end] : text[...end])
  }
}

extension Duration {
  package var seconds: Double { self / .seconds(1) }

  /// "0.8 s", "2:05" or "1:02:03".
  package var clock: String {
    if seconds < 60 { return seconds.fixed(1) + " s" }
    return stopwatch
  }

  /// "84 ms", and from a second on as `clock`.
  package var brief: String {
    self < .seconds(1) ? "\(Int((self / .milliseconds(1)).rounded())) ms" : clock
  }

  /// In whole seconds: "0:07", "2:05" or "1:02:03".
  package var stopwatch: String {
    let total = Int(seconds.rounded())
    let parts = [total / 3600, total / 60 % 60, total % 60]
    let shown = parts[0] == 0 ? Array(parts.dropFirst()) : parts
    return shown.enumerated().map {
      $0.offset == 0 ? "\($0.element)" : $0.element.twoDigits
    }
    .joined(separator: ":")
  }
}
