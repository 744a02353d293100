import Backfill

extension Int {
  /// Bytes in a unit of three digits: "61.6 MB".
  var bytes: String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
    guard let (size, unit) = units.first(where: { Double(self) >= $0.0 }) else { return "\(self) B" }
    let value = Double(self) / size
    return "\(value.fixed(value < 100 ? 1 : 0)) \(unit)"
  }
}

extension Double {
  /// Dollars that are only estimated: in no more than two digits where they are parts of a cent.
  var roughDollars: String {
    (0.0001..<0.001).contains(self) ? ((self * 100_000).rounded() / 100_000).dollars : dollars
  }

  /// Dollars in at most eight characters, for a table: "$0.0247", "$12.34", "$1.23M".
  var shortMoney: String {
    switch self {
    case 0: dollars
    case ..<0.0001: "<$0.0001"
    case ..<1: "$" + fixed(4)
    case ..<100_000: dollars
    case ..<1_000_000: "$\((self / 1e3).fixed(1))k"
    default: "$\((self / 1e6).fixed(2))M"
    }
  }
}

extension String {
  /// In lines of at most `width`, cut at spaces.
  func wrapped(to width: Int) -> String {
    var lines: [String] = []
    for word in split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] += " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines.joined(separator: "\n")
  }
}
