import Backfill
import TestSupport
import Testing

/// Rates and money.
extension ConductorTests {
  @Test func `a 429 holds every request until the provider's time`() {
    var conductor = Self.conductor(concurrency: 2)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...8)))
    let failure = EmbeddingFailure(.rateLimited, "429", retryAfter: .seconds(30))
    #expect(conductor.tell(.requestFailed(Self.id(1), failure), at: 1) == ["wake 31"])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt), at: 2) == ["write 2", "wake 31"])
    #expect(conductor.waiting == .hold)
    #expect(
      conductor.tell(.woken, at: 31).filter { $0.hasPrefix("request") } == ["request 1 x2 again", "request 3 x2"])
  }

  @Test func `requests keep to the configured rate`() {
    var conductor = Self.conductor(
      concurrency: 8, limits: Job.Limits(requestsPerMinute: 60, tokensPerMinute: 1_000_000))
    conductor.begin()
    #expect(conductor.tell(.pageRead(Self.page(1...8))).contains("wake 1"))
    #expect(conductor.inFlight == 1)
    _ = conductor.tell(.woken, at: 1.03)
    #expect(conductor.inFlight == 2)
  }

  @Test func `a request that the budget doesn't hold is divided, and what then doesn't fit is not sent`() {
    var conductor = Self.conductor(concurrency: 2, budget: 30)
    conductor.begin()
    // Two inputs of six bytes: at most 16 tokens, 16 dollars.
    #expect(conductor.tell(.pageRead(Self.page(1...6))).filter { $0.hasPrefix("request") } == ["request 1 x2"])
    #expect(conductor.waiting == .budget)
    let first = Conductor.Receipt(billedTokens: 15, latency: .zero)
    #expect(conductor.tell(.received(Self.id(1), first)) == ["request 4 x1", "write 1"])
    let second = Conductor.Receipt(billedTokens: 8, latency: .zero)
    #expect(conductor.tell(.received(Self.id(4), second)) == [])
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(Self.written([(Self.id(1), 2)]))
    _ = conductor.tell(.settled)
    _ = conductor.tell(Self.written([(Self.id(4), 1)]))
    #expect(conductor.tell(.settled) == ["end 82"])
    #expect(conductor.spending.spent == 23)
  }

  @Test func `a provider that bills more than was counted is believed for what follows`() {
    var spending = Spending(spent: 0, budget: Job.Budget(usd: 10))
    let reserved = spending.reservation(for: 2)
    spending.reserve(reserved)
    spending.settle(reservation: reserved, most: 2, cost: 3)
    #expect(spending.reservation(for: 2) == 3)
    #expect(spending.fits(spending.reservation(for: 4)))
    #expect(!spending.fits(spending.reservation(for: 5)))
  }

  @Test(arguments: [
    (true, Int?.none, 10), (true, 0, 10), (true, 4, 10), (true, 12, 12), (true, -3, 10), (true, 1 << 31, 10),
    (false, nil, 42), (false, 9, 9), (false, 39, 39), (false, 42, 42),
    // Nothing, too few for any tokenizer, more than there can be, and the characters.
    (false, 0, 42), (false, -3, 42), (false, 6, 42), (false, 43, 42), (false, 1 << 31, 42), (false, 40, 42),
  ])
  func `the budget counts the most that a reply can have cost where nobody knows`(
    isExact: Bool, told: Int?, spent: Int
  ) {
    // 40 bytes, counted or guessed as 10 tokens.
    let input = Input(texts: [String(repeating: "x", count: 40)], tokens: [10], isExact: isExact)
    #expect(ToldTokens(told, of: Batch.Contents(inputs: [input], rows: [])).spent == spent)
  }

  @Test func `replies in flight side by side don't multiply what was billed too much`() {
    var spending = Spending(spent: 0, budget: Job.Budget(usd: 1_000))
    let reservations = (0..<32).map { _ in spending.reservation(for: 2) }
    for reservation in reservations { spending.reserve(reservation) }
    for reservation in reservations { spending.settle(reservation: reservation, most: 2, cost: 4) }
    #expect(spending.reservation(for: 2) == 4)
  }

  @Test func `no request has more tokens than a minute may have`() {
    var conductor = Self.conductor(
      batchSize: 8, concurrency: 8, limits: Job.Limits(requestsPerMinute: 1_000_000, tokensPerMinute: 20))
    conductor.begin()
    let actions = conductor.tell(.pageRead(Self.page(1...8, batchSize: 8)))
    // Eight inputs of six tokens: halved twice.
    #expect(actions.filter { $0.hasPrefix("request") } == ["request 4 x2"])
  }

  @Test func `what the window is judged by is the provider's time, and not our own`() {
    var window = ConcurrencyWindow(ceiling: 8, isProbing: false)
    for second in 0..<100 { window.answered(after: .milliseconds(100), inFlight: 8, at: .seconds(second)) }
    for second in 100..<120 { window.answered(after: .seconds(2), inFlight: 3, at: .seconds(second)) }
    #expect(window.limit == 8)
    for second in 120..<140 { window.answered(after: .seconds(4), inFlight: 8, at: .seconds(second)) }
    #expect(window.limit < 8)
  }
}
