/// The most tokens that a model takes in one input, and how a text is made to keep to it.
package struct InputLimit: Sendable {
  package typealias Part = (text: String, tokens: Int)

  package let tokens: Int
  /// A number of tokens that a text has at least, whatever its count was guessed to be; nil where counts are exact.
  private let leastTokens: (@Sendable (_ text: String) -> Int)?
  private let divide: (@Sendable (_ text: String, _ mostTokens: Int) -> [Part])?

  /// - Parameters:
  ///   - divide: cuts a text at tokens into parts of at most so many; nil where nothing here knows its tokens.
  ///   - leastTokens: a number of tokens that can be proven, 0 where nothing can be; nil where counts are exact.
  package init(
    tokens: Int, divide: (@Sendable (_ text: String, _ mostTokens: Int) -> [Part])? = nil,
    leastTokens: (@Sendable (_ text: String) -> Int)? = nil
  ) {
    self.tokens = tokens
    self.leastTokens = leastTokens
    self.divide = divide
  }

  /// Whether `text`, of `count` tokens as they are counted here, is provably too long. What only seems to be is sent:
  /// the provider's answer tells.
  func isPassed(by text: String, counted count: Int) -> Bool {
    (leastTokens.map { $0(text) } ?? count) > tokens
  }

  /// A number of tokens that `text` is proven to have at least; 0 where nothing can be.
  func least(of text: String) -> Int { leastTokens?(text) ?? 0 }

  /// What of a text that is too long is embedded.
  func parts(_ text: String, _ tooLong: TextPreparation.TooLong) -> [Part] {
    let parts = tooLong == .quarantine ? [] : divide?(text, tokens) ?? []
    return tooLong == .truncate ? Array(parts.prefix(1)) : parts
  }
}
