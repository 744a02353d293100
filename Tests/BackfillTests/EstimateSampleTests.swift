import Foundation
import TestSupport
import Testing

@testable import Backfill

@Suite struct EstimateSampleTests {
  /// Chat as it is: mostly short, a long tail, some pasted documents, and blanks.
  private static func population(_ rows: Int) -> [Int] {
    var generator = SeededGenerator(seed: 42)
    return (0..<rows).map { _ in
      if generator.chance(0.03) { return 0 }
      if generator.chance(0.01) { return Int.random(in: 1_000...8_000, using: &generator) }
      let u = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator)
      let v = Double.random(in: 0..<1, using: &generator)
      return max(1, Int(exp(3.5 + (-2 * log(u)).squareRoot() * cos(2 * .pi * v))))
    }
  }

  @Test(arguments: [500, 2_000])
  func `of 1,000 samples at least 93 % hold the truth in their interval`(rows: Int) {
    let population = Self.population(20_000)
    let truth = population.reduce(0, +)
    var deck = population
    var inside = 0
    var width = 0.0
    for seed in 0..<1_000 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var moments = Moments()
      for place in 0..<rows {
        deck.swapAt(place, Int.random(in: place..<deck.count, using: &generator))
        moments.add(deck[place])
      }
      let sum = moments.sum / Double(moments.count) * Double(population.count)
      let deviation = moments.deviation(ofSumOver: population.count)
      if (sum - deviation.below...sum + deviation.above).contains(Double(truth)) { inside += 1 }
      width += (deviation.above + deviation.below) / Double(truth) / 1_000
    }
    #expect((930...985).contains(inside), "\(inside) of 1,000 with \(rows) rows")
    #expect(width < 40 / Double(rows).squareRoot(), "\(width) of the truth")
  }

  @Test func `a sample stands for its population and says how far off it may be`() {
    var estimate = Estimate(isSample: true)
    let packer = Packer(preparation: TextPreparation(), maxInputs: 10) { $0.count }
    for page in 0..<10 {
      let texts = (0..<100).map { String(repeating: "x", count: 1 + ($0 + page) % 20) }
      let messages = texts.enumerated().map { Message(key: .integer(Int64($0.offset)), text: $0.element) }
      estimate.add(PageFigures(packer.pack(MessagePage(messages, continuesAfter: nil))))
    }
    let projected = estimate.projected(to: 50_000)
    #expect(projected.rows == 50_000)
    #expect(projected.rowsRead == 1_000)
    #expect(projected.tokenSum == 525_000)
    #expect(projected.duplicates == 0)
    let range = projected.tokenRange(errorBand: 1...1)
    #expect(range.contains(525_000) && range.lowerBound > 490_000 && range.upperBound < 560_000)
    #expect(projected.deviation.below > 0)
  }

  @Test func `a sample of everything leaves nothing open`() {
    var moments = Moments()
    for value in 0..<500 { moments.add(value) }
    #expect(moments.deviation(ofSumOver: 500) == Deviation())
  }
}
