/// The tokens of a request, or of a batch's line, as they were counted before it was sent. What a line's answer is worth is
/// judged by them alone: the texts are not kept (P10).
package struct LineTokens: Equatable, Sendable, Codable {
  /// Counted or estimated.
  package let counted: Int
  /// The most that a provider can bill, if it counts as is thought.
  package let most: Int
  /// The fewest that it can.
  package let least: Int
  /// The most that any tokenizer makes of the texts.
  package let ceiling: Int

  package init(_ contents: Batch.Contents) {
    counted = contents.tokenCount
    most = contents.mostTokens
    least = contents.inputs.reduce(0) { $0 + $1.leastTokens }
    ceiling = contents.texts.reduce(0) { $0 + $1.mostTokens }
  }

  /// A report of less than this share of the estimate is not believed: in no language do texts have so few tokens
  /// (`TokenEstimator.errorBand`).
  private static let leastShare = 0.7

  private var isExact: Bool { counted == most }

  /// What a provider says that it billed, where it can be that.
  package func trusted(_ told: Int?) -> Int? {
    told.flatMap { (least...max(least, ceiling)).contains($0) ? $0 : nil }
  }

  /// The tokens that a budget has to count for an answer that told `told` as billed: never fewer than were counted exactly,
  /// and where what it told can't be right, the most that they can be (P5).
  package func spent(told: Int?) -> Int {
    guard let told, told <= ceiling, isExact || told >= least else { return most }
    if isExact { return max(told, counted) }
    return Double(told) >= LineTokens.leastShare * Double(counted) ? told : most
  }
}
