import Backfill
import TestSupport
import Testing

/// What is estimated is corrected by what replies bill, so that limits converge; a budget stays with its upper bound.
@Suite struct BilledRatioValueTests {
  @Test(arguments: [0.3, 0.78, 1.0, 1.4, 4.0])
  func `replies of any sizes bring it to what the provider bills`(billed: Double) {
    var ratio = BilledRatio()
    #expect(ratio.value == 1)
    var random = SeededGenerator(seed: 3)
    for _ in 0..<20 {
      let counted = Int.random(in: 300...9_000, using: &random)
      ratio.add(counted: counted, billed: Int((Double(counted) * billed).rounded()))
    }
    #expect(abs(ratio.value - billed) < 0.01 * billed)
    #expect(abs(ratio.expected(10_000) - Int(10_000 * billed)) <= 100)
  }

  @Test func `a reply of a few words does not decide, and one large reply nearly does`() {
    var ratio = BilledRatio()
    ratio.add(counted: 3, billed: 12)
    #expect(ratio.value < 1.15)
    ratio.add(counted: 10_000, billed: 14_000)
    #expect((1.38...1.4).contains(ratio.value))
  }

  @Test func `what texts are like may change, and the last replies weigh most`() {
    var ratio = BilledRatio()
    for _ in 0..<50 { ratio.add(counted: 1_000, billed: 2_000) }
    for _ in 0..<15 { ratio.add(counted: 1_000, billed: 800) }
    #expect(abs(ratio.value - 0.8) < 0.05)
  }

  @Test(arguments: [Int.max, 1 << 40, 0, -7, .min])
  func `no reply moves it beyond its bounds, and nothing counted moves it at all`(billed: Int) {
    var ratio = BilledRatio()
    for _ in 0..<50 { ratio.add(counted: 100, billed: billed) }
    #expect(BilledRatio.bounds.contains(ratio.value))
    var still = BilledRatio(startingAt: 1.4)
    still.add(counted: 0, billed: billed)
    #expect(still == BilledRatio(startingAt: 1.4))
  }

  @Test(arguments: [(1.4, 1.4), (0, 1.0 / 16), (-3, 1.0 / 16), (1e300, 16), (.nan, 1), (.infinity, 1)])
  func `a ratio of an earlier run is kept within the bounds`(_ start: Double, _ value: Double) {
    #expect(abs(BilledRatio(startingAt: start).value - value) < 1e-12)
  }

  // MARK: Limits

  @Test func `tokens a minute are reserved as they will be billed, and what one minute can't hold is known by it`() {
    var limiter = RateLimiter(Job.Limits(tokensPerMinute: 10_000))
    #expect(limiter.configuredLimit(passedByOneOf: 8_000) == nil)
    for _ in 0..<30 { limiter.correct(counted: 1_000, reserved: 0, actual: 1_400, at: .zero) }
    #expect((1_399...1_401).contains(limiter.sent(tokens: 1_000, at: .zero)))
    #expect(limiter.configuredLimit(passedByOneOf: 8_000) == 10_000)
    #expect(limiter.isPassed(byOneOf: 8_000) && !limiter.isPassed(byOneOf: 7_000))
  }

  @Test func `what an earlier run sent counts as it was billed`() {
    let sent = [EarlierUse.Request(age: .seconds(1), tokens: 7_000)]
    func wait(_ ratio: Double?) -> Duration {
      var limiter = RateLimiter(
        Job.Limits(tokensPerMinute: 10_000), after: EarlierUse(requests: sent, billedPerCounted: ratio))
      return limiter.wait(forTokens: 100, at: .zero)
    }
    // 7,000 more tokens take 43 s more.
    #expect((0.9...1.1).contains((wait(1.4) - wait(nil)) / .seconds(17.1)), "\(wait(1.4)), \(wait(nil))")
    #expect(wait(nil) == wait(1))
  }

  // MARK: Which replies correct

  private static func contents(_ text: String, tokens: Int, isExact: Bool = false) -> Batch.Contents {
    Batch.Contents(inputs: [Input(texts: [text], tokens: [tokens], isExact: isExact)], rows: [])
  }

  @Test func `only what can be tokens corrects: no characters, bytes or words, nothing, nor what can't be`() {
    let text = "où est la bibliothèque, s'il vous plaît ?"
    let contents = Self.contents(text, tokens: 25)
    for told in [text.unicodeScalars.count, text.utf8.count, text.split(separator: " ").count, 0, -1, 4_000, nil] {
      #expect(!ToldTokens(told, of: contents).corrects, "\(told ?? -1)")
    }
    for told in [5, 12, 25, 35] { #expect(ToldTokens(told, of: contents).corrects) }
    #expect(ToldTokens(12, of: Self.contents(text, tokens: text.utf8.count, isExact: true)).corrects)
  }

  /// A page of two texts, 6 bytes and 4 estimated tokens each.
  private static let page = Packer(preparation: TextPreparation(), maxInputs: 2) { _ in 4 }
    .pack(
      MessagePage(
        (1...6).map { Message(key: .integer(Int64($0)), text: "text \($0)") }, continuesAfter: .integer(6)))

  @Test(arguments: [(true, 2), (true, 12), (false, 2), (false, 12)])
  func `a reservation stays the most that can be billed, whatever the replies were (P5)`(
    tellsTokens: Bool, billed: Int
  ) {
    var conductor = ConductorTests.conductor(concurrency: 1, budget: 1_000)
    conductor.begin()
    var actions = conductor.handle(.pageRead(Self.page), at: .zero)
    var reservations: [Double] = []
    for number in 1...3 {
      for case .request(_, _, let reservation) in actions { reservations.append(reservation ?? 0) }
      let receipt = Conductor.Receipt(billedTokens: billed, tellsTokens: tellsTokens, latency: .zero)
      actions = conductor.handle(.received(ConductorTests.id(number), receipt), at: .zero)
    }
    // Two texts of 6 bytes and two marks each, at a dollar a token.
    #expect(reservations == [16, 16, 16])
    #expect((conductor.tally.billedPerEstimated != nil) == tellsTokens)
    if let ratio = conductor.tally.billedPerEstimated { #expect((ratio > 1) == (billed > 8)) }
  }

  @Test func `where tokens are counted exactly, and of the harmless text, no ratio is told`() {
    var exact = ConductorTests.conductor()
    exact.begin()
    let page = Packer(preparation: TextPreparation(), maxInputs: 2, countsExactly: true) { _ in 4 }
      .pack(MessagePage([Message(key: .integer(1), text: "text")], continuesAfter: .integer(1)))
    _ = exact.handle(.pageRead(page), at: .zero)
    _ = exact.handle(.received(ConductorTests.id(1), ConductorTests.receipt), at: .zero)
    #expect(exact.tally.billedTokens == 2 && exact.tally.billedPerEstimated == nil)
  }
}
