/// Guesses a text's number of tokens without a vocabulary, from how many characters of each script it has.
///
/// The rates are a least-squares fit to cl100k_base's own counts; `docs/tokenizer.md` says how far off they are and how
/// that was measured. For any other tokenizer the error is not measured.
package struct TokenEstimator: Sendable {
  /// The lowest and the highest cl100k_base count divided by the estimate, over chat in 63 languages, code and figures:
  /// for each language's messages together. A single message can be further off.
  package static let errorBand = 0.78...1.6

  /// Whether the model's own tokenizer is cl100k_base, of which something is known without its vocabulary.
  package let standsForCl100kBase: Bool

  package init(standsForCl100kBase: Bool = false) {
    self.standsForCl100kBase = standsForCl100kBase
  }

  /// A number of tokens that `text` is proven to have at least: 0 where nothing is known of the model's tokenizer.
  package func leastTokens(in text: String) -> Int {
    standsForCl100kBase ? Cl100kBase.leastTokens(in: text) : 0
  }

  package func estimate(_ text: String) -> Int {
    var units = [Int](repeating: 0, count: ScriptClass.allCases.count)
    var symbolRuns = 0
    var digits = 0
    var before = ScriptClass.space
    for scalar in text.unicodeScalars {
      let found = ScriptClass(scalar)
      let continues = found == before
      before = found
      switch found {
      case .digit:
        digits = continues ? digits + 1 : 0
        if digits % 3 != 0 { continue }
      case .newline:
        if continues { continue }
      case .symbol:
        if !continues { symbolRuns += 1 }
      case .other:
        units[found.rawValue] += UTF8.width(scalar)
        continue
      default:
        break
      }
      units[found.rawValue] += 1
    }
    let tokens = zip(ScriptClass.allCases, units).reduce(0.33 * Double(symbolRuns)) { sum, next in
      sum + next.0.tokensPerUnit * Double(next.1)
    }
    return text.isEmpty ? 0 : max(1, Int(tokens.rounded()))
  }
}
