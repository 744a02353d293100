/// The most tokens that a model takes in one input, and how a text is made to keep to it.
package struct InputLimit: Sendable {
  /// A part of a row's text as it is sent, its prefix before it.
  package struct Part: Equatable, Sendable {
    package let text: String
    /// Counted or estimated.
    package let tokens: Int
    /// What its vector weighs in the mean: the tokens of the row's own text in it, or the bytes where those can't be counted.
    package let weight: Int
  }

  package let tokens: Int
  /// The fewest tokens that a text can have, whatever the estimate says; nil where counts are exact.
  private let leastTokens: (@Sendable (_ text: String) -> Int)?
  private let divide: (@Sendable (_ text: String, _ mostTokens: Int) -> [(text: String, tokens: Int)])?
  private let cut: SafeCut?

  /// - Parameters:
  ///   - divide: cuts a text at tokens into parts of at most so many; nil where nothing here knows its tokens.
  ///   - leastTokens: a number of tokens that can be proven, 0 where nothing can be; nil where counts are exact.
  ///   - cut: cuts a text by its bytes where nothing here knows its tokens; nil where nothing is to be cut so.
  package init(
    tokens: Int, divide: (@Sendable (_ text: String, _ mostTokens: Int) -> [(text: String, tokens: Int)])? = nil,
    leastTokens: (@Sendable (_ text: String) -> Int)? = nil, cut: SafeCut? = nil
  ) {
    self.tokens = tokens
    self.leastTokens = leastTokens
    self.divide = divide
    self.cut = cut
  }

  /// Whether `text`, of `count` tokens as they are counted here, is not sent whole: it is provably too long, or it may be
  /// and can be cut. What only seems to be too long and can't be cut is sent: the provider's answer says.
  func isPassed(by text: String, counted count: Int) -> Bool {
    if let cut { return cut.isPassed(by: text) }
    return (leastTokens.map { $0(text) } ?? count) > tokens
  }

  /// A number of tokens that `text` is proven to have at least; 0 where nothing can be.
  func least(of text: String) -> Int { leastTokens?(text) ?? 0 }

  /// What of a text that is too long is embedded; nothing where it can't be made to fit. Parts that are blank, as a run of
  /// spaces at the end, are left out: they would be refused.
  ///
  /// - Parameters:
  ///   - text: the row's, without the prefix.
  ///   - preparation: of `truncate` only the first part is there, and of `average` each part has the prefix.
  ///   - most: what has more parts can't be sent.
  ///   - count: counts or estimates the tokens of a text.
  func parts(
    of text: String, _ preparation: TextPreparation, atMost most: Int, count: (String) -> Int
  ) -> [Part] {
    let prefix = preparation.prefix
    if let cut {
      let parts = cut.parts(of: text, behind: prefix, atMost: preparation.tooLong == .truncate ? 1 : .max)
        .filter { !$0.isBlank }
      guard parts.count <= most else { return [] }
      return parts.map { Part(text: prefix + $0, tokens: count(prefix + $0), weight: $0.utf8.count) }
    }
    guard let divide else { return [] }
    switch preparation.tooLong {
    case .quarantine: return []
    case .truncate:
      return divide(prefix + text, tokens).prefix(1).filter { !$0.text.isBlank }
        .map { Part(text: $0, tokens: $1, weight: $1) }
    case .average: return behind(prefix, text, divide, count)
    }
  }

  /// Parts that fit together with the prefix. Its last token may count otherwise before a text than by itself, so they are
  /// cut shorter until all of them fit.
  private func behind(
    _ prefix: String, _ text: String, _ divide: (String, Int) -> [(text: String, tokens: Int)], _ count: (String) -> Int
  ) -> [Part] {
    var room = tokens - (prefix.isEmpty ? 0 : count(prefix))
    while room > 0 {
      let parts = divide(text, room).filter { !$0.text.isBlank }.map { part, tokens in
        Part(text: prefix + part, tokens: prefix.isEmpty ? tokens : count(prefix + part), weight: tokens)
      }
      let excess = prefix.isEmpty ? 0 : (parts.map(\.tokens).max() ?? 0) - tokens
      guard excess > 0 else { return parts }
      room -= excess
    }
    return []
  }
}
