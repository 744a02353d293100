/// How many tokens a provider bills for one that is counted here, by the replies so far: what is estimated is corrected
/// by it.
///
/// Replies weigh by their tokens, and later ones more than earlier ones. It says what to expect and bounds nothing: a
/// single request may be billed for more, so a budget is not reserved by it.
package struct BilledRatio: Equatable, Sendable {
  /// No provider is believed to bill a larger or a smaller share than these: its `usage` is wrong then.
  package static let bounds = 1.0 / 16...16.0
  /// What each reply leaves of the weight of those before it.
  private static let memory = 0.8
  /// How many tokens the ratio that it starts with weighs, so that a first reply of a few words doesn't decide alone.
  private static let startingWeight = 100.0

  private var counted: Double
  private var billed: Double

  /// - Parameter ratio: what an earlier run found; the default believes the count.
  package init(startingAt ratio: Double = 1) {
    counted = BilledRatio.startingWeight
    billed = BilledRatio.startingWeight * BilledRatio.bounded(ratio)
  }

  package var value: Double { BilledRatio.bounded(billed / counted) }

  /// A reply billed `billed` tokens for what was counted as `counted`.
  package mutating func add(counted: Int, billed: Int) {
    guard counted > 0 else { return }
    let share = BilledRatio.bounded(Double(billed) / Double(counted))
    self.counted = BilledRatio.memory * self.counted + Double(counted)
    self.billed = BilledRatio.memory * self.billed + share * Double(counted)
  }

  /// The tokens to expect where `count` are counted.
  package func expected(_ count: Int) -> Int { Int((Double(count) * value).rounded(.up)) }

  private static func bounded(_ ratio: Double) -> Double {
    ratio.isFinite ? min(max(ratio, bounds.lowerBound), bounds.upperBound) : 1
  }
}
