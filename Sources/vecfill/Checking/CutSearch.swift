/// The search for the length at which a server cuts texts silently: pairs of texts are embedded that differ only behind a
/// length, and where their vectors are the same, nothing behind that length was read.
///
/// It decides what is asked next and what the answers mean; it asks nothing itself.
struct CutSearch: Equatable, Sendable {
  /// What the server made of a pair.
  enum Answer: Equatable, Sendable {
    /// It refuses texts of this length: nothing is lost silently.
    case refused
    /// It told both apart.
    case differ
    /// Their vectors are the same. `tokens` is what it billed for one of them; nil where it has none.
    case same(tokens: Int?)
  }

  enum Verdict: Equatable, Sendable {
    /// Texts above `length` are refused; whole ones were read up to there or below.
    case refuses(length: Int)
    /// Everything was read, behind `length` too.
    case readsAll(length: Int)
    /// What stands behind `limit` tokens is not read. Where it isn't exact, the server may read more than that, but not
    /// `below` tokens.
    case cuts(limit: Int, below: Int, isExact: Bool)
    /// No pair was tried.
    case untried
  }

  /// Lengths in tokens that are tried where the model's limit is unknown.
  static let lengths = [512, 2_048, 8_192]
  /// At most so many tokens are sent.
  static let mostTokens = 30_000
  /// Shorter texts are not tried: there, a server reads all.
  private static let shortest = 32

  /// The model's limit by the catalogue; nil where it is unknown.
  let known: Int?
  private(set) var sentTokens = 0
  private var waiting: [Int]
  private var refused: Int?
  /// The greatest length behind which texts were told apart.
  private(set) var read = 0
  /// The smallest length behind which they weren't.
  private var cut: Int?
  private var told: Int?

  init(known: Int?) {
    self.known = known
    waiting = known.map { [$0] } ?? Self.lengths
  }

  /// The length behind which the next pair differs; nil where the search is over.
  var next: Int? {
    guard refused == nil else { return nil }
    guard let cut else { return waiting.first.flatMap { isAffordable($0) ? $0 : nil } }
    // Where it is told or known, there is nothing to look for.
    guard told == nil, known == nil else { return nil }
    let half = cut / 2
    return half > read && half >= Self.shortest && isAffordable(half) ? half : nil
  }

  mutating func note(_ answer: Answer, at length: Int) {
    sentTokens += Self.tokens(at: length)
    waiting.removeAll { $0 == length }
    switch answer {
    case .refused: refused = length
    case .differ: read = max(read, length)
    case .same(let tokens):
      cut = min(cut ?? length, length)
      // A bill for the whole text says nothing of what was read.
      if let tokens, tokens > read, tokens <= length { told = tokens }
    }
  }

  var verdict: Verdict {
    if let cut {
      if let known { return .cuts(limit: min(known, told ?? known), below: known, isExact: true) }
      if let told { return .cuts(limit: told, below: told, isExact: true) }
      return .cuts(limit: max(read, Self.shortest), below: cut, isExact: false)
    }
    if let refused { return .refuses(length: refused) }
    return read > 0 ? .readsAll(length: read) : .untried
  }

  /// The most tokens that the search will send.
  var plannedTokens: Int {
    var sum = 0
    for length in waiting where sum + Self.tokens(at: length) <= Self.mostTokens { sum += Self.tokens(at: length) }
    return sum
  }

  /// The tokens of a pair: both texts go on behind `length` by an eighth, so that what differs weighs enough to be seen
  /// in a vector that is a mean over the text.
  static func tokens(at length: Int) -> Int { 2 * (length + tail(at: length)) }

  private static func tail(at length: Int) -> Int { max(16, length / 8) }

  private func isAffordable(_ length: Int) -> Bool { sentTokens + Self.tokens(at: length) <= Self.mostTokens }
}

extension CutSearch {
  /// Two texts that are the same for `length` words and then differ. A word is at least one token to any tokenizer, so
  /// that they differ only behind `length` tokens.
  static func pair(at length: Int) -> (String, String) {
    func words(_ list: [String], _ count: Int) -> String {
      (0..<count).map { list[$0 % list.count] }.joined(separator: " ")
    }
    let same = words(common, length)
    let tail = tail(at: length)
    return ("\(same) \(words(garden, tail))", "\(same) \(words(engine, tail))")
  }

  private static let common = [
    "the", "road", "goes", "from", "the", "old", "town", "to", "the", "lake", "and", "back", "again", "each", "day",
  ]
  private static let garden = ["red", "rose", "and", "green", "leaf", "grow", "in", "warm", "rain"]
  private static let engine = ["bank", "loan", "price", "tax", "cost", "trade", "fund", "rate", "debt"]
}
