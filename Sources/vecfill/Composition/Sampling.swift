import Backfill

/// How many rows a sample reads.
enum Sampling: Equatable {
  case rows(Int)
  /// As many as it takes for the sum of tokens to be known to this share of itself, with 95 % confidence.
  case within(Double)

  /// Below it an interval would promise too much.
  static let leastRows = 100
  private static let firstRows = 2000

  var firstRows: Int {
    switch self {
    case .rows(let rows): rows
    case .within: Sampling.firstRows
    }
  }

  /// How many rows the next sample must have; nil where `estimate` is as sure as it was asked to be.
  func nextRows(after estimate: Estimate) -> Int? {
    guard case .within(let share) = self, estimate.tokenSum > 0 else { return nil }
    let deviation = max(estimate.deviation.below, estimate.deviation.above) / Double(estimate.tokenSum)
    guard deviation > share else { return nil }
    // The deviation falls with the square root of the rows; a fifth more makes up for chance.
    let rows = 1.2 * Double(estimate.rowsRead) * (deviation / share) * (deviation / share) + 1
    // More than any table has: all of it is read then.
    return Int(exactly: rows.rounded(.down)) ?? .max
  }
}
