/// How many inputs have how many tokens, in memory that does not grow with their number.
///
/// Counts below 1,024 are kept exactly; above, each doubling is cut into 128 classes, so that a quantile is at most
/// 0.4 % off. The sum and the largest count are exact.
package struct TokenHistogram: Equatable, Sendable {
  private static let exactCounts = 1024
  private static let classesPerDoubling = 128

  private var classes = [Int](repeating: 0, count: exactCounts)
  package private(set) var inputs = 0
  package private(set) var sum = 0
  package private(set) var largest = 0

  package init() {}

  package mutating func add(_ tokens: Int, times: Int = 1) {
    let place = TokenHistogram.place(of: tokens)
    if place >= classes.count { classes += Array(repeating: 0, count: place + 1 - classes.count) }
    classes[place] += times
    inputs += times
    sum += tokens * times
    largest = max(largest, tokens)
  }

  package mutating func merge(_ other: TokenHistogram) {
    if other.classes.count > classes.count {
      classes += Array(repeating: 0, count: other.classes.count - classes.count)
    }
    for (place, count) in other.classes.enumerated() { classes[place] += count }
    inputs += other.inputs
    sum += other.sum
    largest = max(largest, other.largest)
  }

  /// The number of tokens that at least `share` of the inputs don't exceed; 0 where there is none.
  package func quantile(_ share: Double) -> Int {
    var left = max(1, Int((share * Double(inputs)).rounded(.up)))
    for (place, count) in classes.enumerated() where count > 0 {
      left -= count
      if left <= 0 { return min(TokenHistogram.middle(ofClass: place), largest) }
    }
    return largest
  }

  private static func place(of tokens: Int) -> Int {
    guard tokens >= exactCounts else { return max(0, tokens) }
    let doubling = Int.bitWidth - 1 - tokens.leadingZeroBitCount
    let offset = (tokens - (1 << doubling)) >> (doubling - 7)
    return exactCounts + (doubling - 10) * classesPerDoubling + offset
  }

  private static func middle(ofClass place: Int) -> Int {
    guard place >= exactCounts else { return place }
    let (doubling, offset) = (place - exactCounts).quotientAndRemainder(dividingBy: classesPerDoubling)
    let width = 1 << (doubling + 3)
    return (1 << (doubling + 10)) + offset * width + width / 2
  }
}
