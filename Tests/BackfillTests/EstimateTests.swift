import Foundation
import TestSupport
import Testing

@testable import Backfill

@Suite struct EstimateTests {
  private static func page(_ texts: [String?], tokens: @escaping @Sendable (String) -> Int = \.count) -> PageFigures {
    let messages = texts.enumerated().map { Message(key: .integer(Int64($0.offset)), text: $0.element) }
    let packer = Packer(
      preparation: TextPreparation(), maxInputs: 2, inputLimit: InputLimit(tokens: 5), countTokens: tokens)
    return PageFigures(packer.pack(MessagePage(messages, continuesAfter: nil)))
  }

  @Test func `blanks, duplicates and over-long texts are told apart, and only what is billed is priced`() {
    var estimate = Estimate()
    estimate.add(Self.page(["ab", "abcd", "ab", nil, " \n", "abcdef", "ab"]))
    #expect(estimate.rows == 5)
    #expect(estimate.blank == 2)
    #expect(estimate.overlong == 1)
    #expect(estimate.duplicates == 2)
    #expect(estimate.tokensSaved == 4)
    #expect(estimate.tokenSum == 6)
    #expect(estimate.characters == 6)
    #expect(estimate.requests == 1)
    #expect(estimate.tokenRange(errorBand: 1...1) == 6...6)
    #expect(estimate.tokenRange(errorBand: 0.5...2) == 3...12)
  }

  @Test func `the same text on another page is paid again, as in a run`() {
    var estimate = Estimate()
    for _ in 0..<3 { estimate.add(Self.page(["abc", "abc"])) }
    #expect(estimate.tokenSum == 9)
    #expect(estimate.duplicates == 3)
  }

  @Test func `sources add up`() {
    var all = Estimate()
    for texts in [["a", "b", ""], ["abcd", "abcd"]] {
      var one = Estimate()
      one.add(Self.page(texts))
      all.merge(one)
    }
    #expect(all.rows == 4)
    #expect(all.blank == 1)
    #expect(all.tokenSum == 6)
    #expect(all.tokens.largest == 4)
    #expect(all.duplicates == 1)
  }

  @Test(arguments: [0.01, 0.5, 0.95, 1])
  func `a quantile is exact for small counts and 0.4 % off at most for large ones`(share: Double) {
    var generator = SeededGenerator(seed: 7)
    for most in [50, 1_000, 1_030, 8_192, 3_000_000] {
      var histogram = TokenHistogram()
      let values = (0..<2_000).map { _ in Int.random(in: 0...most, using: &generator) }.sorted()
      for value in values { histogram.add(value) }
      let truth = values[Int((share * 2_000).rounded(.up)) - 1]
      let found = histogram.quantile(share)
      #expect(truth < 1024 ? found == truth : abs(Double(found - truth)) <= 0.004 * Double(truth))
      #expect(histogram.sum == values.reduce(0, +))
    }
  }

  @Test func `the limit that binds decides the time`() {
    let limits = Job.Limits(requestsPerMinute: 60, tokensPerMinute: 1_000)
    #expect(Throughput(requests: 3_600, tokens: 1_000, limits: limits)?.binding == .requests)
    #expect(Throughput(requests: 3_600, tokens: 1_000, limits: limits)?.hours == 1)
    #expect(Throughput(requests: 60, tokens: 120_000, limits: limits)?.binding == .tokens)
    #expect(Throughput(requests: 60, tokens: 120_000, limits: limits)?.hours == 2)
    #expect(Throughput(requests: 60, tokens: 1, limits: Job.Limits()) == nil)
  }
}
