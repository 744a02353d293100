/// What one vector is made of: a text, or the parts of one that is too long for the model.
package struct Input: Equatable, Sendable {
  /// Each is one text of a request; the vectors of several are joined.
  package let texts: [String]
  /// The tokens of each text, counted or estimated.
  package let tokens: [Int]
  /// What the vector of each text weighs in the mean of all.
  package let weights: [Int]
  /// The most tokens that a provider can count in all of them.
  package let mostTokens: Int
  /// The fewest that it can.
  package let leastTokens: Int
  /// Whether the row's text was too long and this is a part of it, or several.
  package let isFitted: Bool

  /// - Parameters:
  ///   - isExact: whether `tokens` are those that the provider will count.
  ///   - leastTokens: how many tokens a provider counts at least; each text has one.
  ///   - weights: the default is `tokens`.
  package init(
    texts: [String], tokens: [Int], isExact: Bool, isFitted: Bool = false, leastTokens: Int = 0, weights: [Int]? = nil
  ) {
    self.texts = texts
    self.tokens = tokens
    self.weights = weights ?? tokens
    self.isFitted = isFitted
    self.leastTokens = max(texts.count, leastTokens)
    mostTokens = isExact ? tokens.reduce(0, +) : texts.reduce(0) { $0 + $1.mostTokens }
  }

  /// A text of vecfill's own, which every model takes.
  package static let harmless = Input(texts: ["vecfill"], tokens: [3], isExact: false)

  package var tokenCount: Int { tokens.reduce(0, +) }
}

extension String {
  /// The most tokens that any tokenizer makes of it: a token is at least a byte, and some add a start and an end.
  package var mostTokens: Int { utf8.count + 2 }
}
