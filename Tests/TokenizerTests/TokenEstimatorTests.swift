import Foundation
import Testing

@testable import Tokenizer

@Suite struct TokenEstimatorTests {
  @Test func `each language's chat is within the error band, which is no wider than it must be`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    var sums: [String: (true: Int, estimated: Int)] = [:]
    for message in try Self.chat() {
      sums[message.language, default: (0, 0)].true += tokenizer.count(message.text)
      sums[message.language, default: (0, 0)].estimated += TokenEstimator().estimate(message.text)
    }
    #expect(sums.count == 65)
    let ratios = sums.mapValues { Double($0.true) / Double($0.estimated) }
    for (language, ratio) in ratios { #expect(TokenEstimator.errorBand.contains(ratio), "\(language): \(ratio)") }
    let lowest = try #require(ratios.values.min())
    let highest = try #require(ratios.values.max())
    #expect(lowest - TokenEstimator.errorBand.lowerBound < 0.05)
    #expect(TokenEstimator.errorBand.upperBound - highest < 0.05)
  }

  @Test func `all languages together are within a tenth`() throws {
    let tokenizer = try InstalledVocabulary.tokenizer()
    let messages = try Self.chat().map(\.text)
    let counted = messages.map(tokenizer.count).reduce(0, +)
    let estimated = messages.map(TokenEstimator().estimate).reduce(0, +)
    #expect((0.9...1.1).contains(Double(counted) / Double(estimated)))
  }

  @Test(arguments: [("", 0), (" ", 1), ("a", 1), ("\n\n\n\n", 1), ("123456789", 3), ("1234567890", 4)])
  func `a short text is estimated as what it is`(text: String, tokens: Int) {
    #expect(TokenEstimator().estimate(text) == tokens)
  }

  @Test func `a counter tells an estimate from a count`() throws {
    let exact = TokenCounter.exact(try InstalledVocabulary.tokenizer())
    #expect(exact.count("hello world") == 2 && exact.isExact && exact.errorBand == 1...1)
    let estimated = TokenCounter.estimated(TokenEstimator())
    #expect(estimated.count("hello world") == 3 && !estimated.isExact)
    #expect(estimated.errorBand == TokenEstimator.errorBand)
  }

  struct Message: Decodable {
    let language: String
    let text: String
  }

  static func chat() throws -> [Message] {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let lines = try String(contentsOf: root.appendingPathComponent("scripts/tokenizer/chat.jsonl"), encoding: .utf8)
    return try lines.split(separator: "\n").map { try JSONDecoder().decode(Message.self, from: Data($0.utf8)) }
  }
}
