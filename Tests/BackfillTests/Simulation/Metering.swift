import TestSupport

/// How a simulated provider counts what it bills, what it tells of that, and what is counted here.
struct Metering {
  /// What a reply's `usage` says.
  enum Usage: CaseIterable {
    case right, missing, zero, absurd, characters, tooLow, tooHigh
  }

  var usage = Usage.right
  /// Whether the client counts with the provider's own tokenizer.
  var countsExactly = false
  /// The provider's tokenizer: so many bytes are a token.
  var bytesPerToken = 4.0
  /// The provider bills so many times the price that the job knows.
  var timesThePrice = 1.0
  /// The share of the provider's tokens that the client takes for an exact count.
  var shareCounted = 1.0

  func real(_ text: String) -> Int { max(1, Int(Double(text.utf8.count) / bytesPerToken)) }

  func real(_ texts: [String]) -> Int { texts.reduce(0) { $0 + real($1) } }

  /// The count here: the provider's own, or an estimate of a token for four bytes.
  var counted: @Sendable (String) -> Int {
    let bytes = countsExactly ? bytesPerToken : 4
    let share = shareCounted
    return { max(1, Int(Double(max(1, Int(Double($0.utf8.count) / bytes))) * share)) }
  }

  /// What the reply tells; nil for nothing, and for what is no number.
  func told(of texts: [String], using random: inout SeededGenerator) -> Int? {
    let real = real(texts)
    switch usage {
    case .right: return real
    case .missing: return nil
    case .zero: return 0
    case .absurd: return [1 << 31, -real, nil, .max, texts.count - 1].randomElement(using: &random) ?? nil
    case .characters: return texts.reduce(0) { $0 + $1.unicodeScalars.count }
    case .tooLow:
      // Without a count of its own no client can tell a little too low from a frugal tokenizer.
      return Int(Double(real) * Double.random(in: 0...(countsExactly ? 0.99 : 0.4), using: &random))
    case .tooHigh: return Int(Double(real) * Double.random(in: 1.01...20, using: &random))
    }
  }
}
