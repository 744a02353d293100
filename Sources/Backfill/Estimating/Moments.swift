import Foundation

/// The sums from which a sample shows how far off it may be.
struct Moments: Equatable, Sendable {
  private(set) var count = 0
  private(set) var sum = 0.0
  private var squares = 0.0
  private var cubes = 0.0

  mutating func add(_ value: Int) {
    let value = Double(value)
    count += 1
    sum += value
    squares += value * value
    cubes += value * value * value
  }

  mutating func merge(_ other: Moments) {
    count += other.count
    sum += other.sum
    squares += other.squares
    cubes += other.cubes
  }

  /// How far the sum over a population may lie from what the sample's mean makes of it, with 95 % confidence.
  ///
  /// Message lengths are skewed, and the textbook's symmetric interval misses the truth too often above itself. Hall's
  /// transformation of the studentized mean (Journal of the Royal Statistical Society B 54, 1992) takes the skewness out.
  func deviation(ofSumOver population: Int) -> Deviation {
    guard count > 1, population > count else { return Deviation() }
    let n = Double(count)
    let mean = sum / n
    let variance = max(0, (squares / n - mean * mean) * n / (n - 1))
    guard variance > 0 else { return Deviation() }
    let spread = variance.squareRoot()
    let skewness = (cubes / n - 3 * mean * squares / n + 2 * mean * mean * mean) / (variance * spread)
    // A sample that is a good part of the population leaves less open.
    let effective = n / (1 - n / Double(population))
    let quantile = 1.96 / effective.squareRoot()
    func offset(_ value: Double) -> Double {
      guard abs(skewness) > 1e-6 else { return value }
      return 3 / skewness * (cbrt(1 + skewness * (value - skewness / (6 * effective))) - 1)
    }
    let scale = spread * Double(population)
    return Deviation(below: max(0, scale * offset(quantile)), above: max(0, -scale * offset(-quantile)))
  }
}

/// How far off a sum may be, in both directions; 0 where it is known.
package struct Deviation: Equatable, Sendable {
  package private(set) var below = 0.0
  package private(set) var above = 0.0

  init(below: Double = 0, above: Double = 0) {
    self.below = below
    self.above = above
  }

  /// Of the sum of two sums that are off independently.
  mutating func merge(_ other: Deviation) {
    below = (below * below + other.below * other.below).squareRoot()
    above = (above * above + other.above * other.above).squareRoot()
  }
}
