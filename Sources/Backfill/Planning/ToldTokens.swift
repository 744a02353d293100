/// What a reply's report of billed tokens is worth.
package struct ToldTokens: Equatable, Sendable {
  /// The tokens that the provider reports as billed; nil where the number can't be right, or is the number of characters.
  package let trusted: Int?
  /// The tokens that a budget counts for the reply (P5): never fewer than an exact count made here. Without an exact count,
  /// and if the report can't be right, it is the most that the texts can have.
  package let spent: Int
  /// Whether it can correct the estimate: it is tokens, and nothing else that servers count.
  package let corrects: Bool

  package init(_ told: Int?, of contents: Batch.Contents) {
    let texts = contents.texts
    let (isExact, counted) = (contents.isExact, LineTokens(contents).spent(told: told))
    trusted = told.flatMap { Self.isTrusted($0, for: texts, estimated: contents.tokenCount) ? $0 : nil }
    // Some servers report characters or words, which are not taken for tokens beside an estimate.
    let canBeTokens = trusted != nil || told == counted
    let isOther = !isExact && canBeTokens && told.map { Self.isOtherCount($0, of: texts) } == true
    spent = isOther && told == counted ? contents.mostTokens : counted
    corrects = trusted != nil && !isOther
  }

  private static func isTrusted(_ told: Int, for texts: [String], estimated: Int) -> Bool {
    guard (texts.count...max(texts.count, texts.reduce(0) { $0 + $1.mostTokens })).contains(told) else { return false }
    guard told > 2 * estimated else { return true }
    // Infinity counts them without the white space at a text's ends.
    return ![texts, texts.map(\.stripped)].contains { $0.reduce(0) { $0 + $1.unicodeScalars.count } == told }
  }

  private static func isOtherCount(_ told: Int, of texts: [String]) -> Bool {
    if OtherCounts(of: texts).contains(told) { return true }
    let stripped = texts.map(\.stripped)
    return stripped != texts && OtherCounts(of: stripped).contains(told)
  }
}

extension String {
  /// The text without the white space at its ends, as Python's `strip` has it.
  fileprivate var stripped: String {
    func isKept(_ scalar: Unicode.Scalar) -> Bool {
      !scalar.isWhiteSpace && !(0x1C...0x1F).contains(scalar.value)
    }
    let scalars = unicodeScalars
    guard let start = scalars.firstIndex(where: isKept), let end = scalars.lastIndex(where: isKept) else { return "" }
    return String(scalars[start...end])
  }
}
