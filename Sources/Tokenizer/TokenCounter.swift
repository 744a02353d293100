/// Counts a text's tokens, either exactly or as an estimate, and knows which.
package enum TokenCounter: Sendable {
  case exact(Cl100kBase)
  case estimated(TokenEstimator)

  package func count(_ text: String) -> Int {
    switch self {
    case .exact(let tokenizer): tokenizer.count(text)
    case .estimated(let estimator): estimator.estimate(text)
    }
  }

  package var isExact: Bool {
    switch self {
    case .exact: true
    case .estimated: false
    }
  }

  /// Whether the tokens that are counted or guessed are cl100k_base's.
  package var isCl100kBase: Bool {
    switch self {
    case .exact: true
    case .estimated(let estimator): estimator.standsForCl100kBase
    }
  }

  /// What a sum of counts may have to be multiplied by to be the true one: 1 to 1 if they are exact.
  package var errorBand: ClosedRange<Double> {
    isExact ? 1...1 : TokenEstimator.errorBand
  }
}
