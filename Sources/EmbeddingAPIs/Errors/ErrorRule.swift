import Backfill

/// A row of the table that says what kind of failure a refusal is; the first row that fits decides.
struct ErrorRule: Sendable {
  /// What happened, in a few words, and what to look at where a person can mend it.
  let meaning: String
  let kind: EmbeddingFailure.Kind
  /// The statuses that the row is for. 200 stands for an error in place of a reply without a status.
  let statuses: [ClosedRange<Int>]
  /// One of the error's words is one of these, whatever the case and the underscores …
  let codes: Set<String>
  /// … or the parameter at fault starts with one of these …
  let parameters: [String]
  /// … or the message says one of these (see `ProviderError.says`); a row without any of the three fits by its status.
  let phrases: [String]
  /// Whether the work may have been done: a gateway lost its server, or gave up waiting for it.
  let mayHaveBeenBilled: Bool

  init(
    _ meaning: String, _ kind: EmbeddingFailure.Kind, _ statuses: ClosedRange<Int>..., codes: Set<String> = [],
    parameters: [String] = [], phrases: [String] = [], mayHaveBeenBilled: Bool = false
  ) {
    self.meaning = meaning
    self.kind = kind
    self.statuses = statuses
    self.codes = Set(codes.map(ErrorRule.normalized))
    self.parameters = parameters
    self.phrases = phrases
    self.mayHaveBeenBilled = mayHaveBeenBilled
  }

  func fits(status: Int, _ error: ProviderError) -> Bool {
    guard statuses.contains(where: { $0.contains(status) }) else { return false }
    if isByStatusAlone { return true }
    return error.words.contains { codes.contains(ErrorRule.normalized($0)) }
      || parameters.contains { error.parameter?.hasPrefix($0) ?? false }
      || isTold(by: error) && phrases.contains { error.says($0) }
  }

  /// Whether the error's phrases count. A text that isn't at hand may be quoted, and what it says must not end a run.
  private func isTold(by error: ProviderError) -> Bool {
    !error.isOfUnseenTexts || [.badInput, .tooLarge].contains(kind)
  }

  var isByStatusAlone: Bool { codes.isEmpty && parameters.isEmpty && phrases.isEmpty }

  /// The row for a refusal; nil for an error in a 200 of which nothing is known.
  static func first(for status: Int, _ error: ProviderError) -> ErrorRule? {
    table.first { $0.fits(status: status, error) }
  }

  /// Whether `word` is a code or a type that providers are known to use.
  static func isKnown(_ word: String) -> Bool { knownCodes.contains(normalized(word)) }

  private static let knownCodes = table.reduce(into: Set<String>()) { $0.formUnion($1.codes) }

  /// "RateLimitError", "rate_limit_error" and "rate-limit.error" are one.
  static func normalized(_ word: String) -> String { word.lowercased().filter { $0.isLetter || $0.isNumber } }
}
