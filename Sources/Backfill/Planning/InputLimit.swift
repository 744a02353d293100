/// The most tokens that a model takes in one input, and how a text is made to keep to it.
package struct InputLimit: Sendable {
  package typealias Part = (text: String, tokens: Int)

  package let tokens: Int
  /// The least that a text can have for each token that is counted here; 1 where counts are exact.
  private let leastPerCounted: Double
  private let divide: (@Sendable (_ text: String, _ mostTokens: Int) -> [Part])?

  /// - Parameter divide: cuts a text at tokens into parts of at most so many; nil where nothing here knows its tokens.
  package init(
    tokens: Int, leastPerCounted: Double = 1,
    divide: (@Sendable (_ text: String, _ mostTokens: Int) -> [Part])? = nil
  ) {
    self.tokens = tokens
    self.leastPerCounted = leastPerCounted
    self.divide = divide
  }

  /// Whether a text of `count` tokens, as they are counted here, is too long beyond doubt.
  func isPassed(by count: Int) -> Bool { Double(count) * leastPerCounted > Double(tokens) }

  /// What of a text that is too long is embedded.
  func parts(_ text: String, _ tooLong: TextPreparation.TooLong) -> [Part] {
    let parts = tooLong == .quarantine ? [] : divide?(text, tokens) ?? []
    return tooLong == .truncate ? Array(parts.prefix(1)) : parts
  }
}
