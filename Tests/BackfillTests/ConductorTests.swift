import Backfill
import Testing

/// Transcripts: what a conductor is told, and what it then does.
@Suite struct ConductorTests {
  /// Known limits that keep nothing back.
  static let ample = Job.Limits(requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000_000)

  static func conductor(
    batchSize: Int = 2, concurrency: Int = 2, limits: Job.Limits = ample, budget: Double? = nil,
    sources: [String] = ["a"], watermarks: [RowKey?]? = nil, spooled: [Conductor.Spooled] = [],
    policy: RunPolicy = RunPolicy(), spent: Double = 0
  ) -> Conductor {
    let job = Job(
      name: "job", sources: sources.map { Source(table: $0) },
      model: Model(name: "m", dimensions: 4, usdPerMillionTokens: 1_000_000), batchSize: batchSize,
      concurrency: concurrency, limits: limits, budget: budget.map { Job.Budget(usd: $0) })
    return Conductor(
      job: job, policy: policy, run: 1, watermarks: watermarks ?? sources.map { _ in nil }, spooled: spooled,
      spent: spent, random: SeededGenerator(seed: 1))
  }

  /// A page of messages with those keys and different texts, one byte a token.
  static func page(_ keys: ClosedRange<Int64>, batchSize: Int = 2) -> PackedPage {
    Packer(preparation: TextPreparation(), maxInputs: batchSize) { $0.utf8.count }
      .pack(keys.map { Message(key: .integer($0), text: "text \($0)") })
  }

  static let emptyPage = PackedPage(rows: 0, lastKey: nil)

  static func id(_ number: Int) -> BatchID { BatchID(run: 1, number: number) }

  static let receipt = Conductor.Receipt(billedTokens: 2, latency: .zero)

  // MARK: The way of the data

  @Test func `a run over an empty table is one page and then complete`() {
    var conductor = Self.conductor()
    #expect(conductor.tell(.started) == ["page 0 after nil"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["end complete"])
  }

  @Test func `a page becomes requests, replies are written, writes are settled, and a fresh sweep ends it`() {
    var conductor = Self.conductor()
    _ = conductor.tell(.started)
    #expect(conductor.tell(.pageRead(Self.page(1...4))) == ["request 1 x2", "request 2 x2", "page 0 after 4"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == [])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["write 2"])
    #expect(conductor.tell(.written([Self.id(2)], rows: 2, matched: 2)) == ["settle 2"])
    #expect(conductor.tell(.settled) == [])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["write 1"])
    #expect(conductor.tell(.written([Self.id(1)], rows: 2, matched: 2)) == ["settle 1 up to 4"])
    #expect(conductor.tell(.settled) == ["page 0 after nil"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["end complete"])
    #expect(conductor.tally.written == 4)
  }

  @Test func `no more requests are in flight than the concurrency allows`() {
    var conductor = Self.conductor(concurrency: 3)
    _ = conductor.tell(.started)
    #expect(
      conductor.tell(.pageRead(Self.page(1...10))) == [
        "request 1 x2", "request 2 x2", "request 3 x2", "page 0 after 10",
      ])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["request 4 x2", "write 1"])
  }

  @Test func `the sources are filled in their order, each with its own fresh sweep`() {
    var conductor = Self.conductor(sources: ["a", "b"], watermarks: [.integer(7), nil])
    #expect(conductor.tell(.started) == ["page 0 after 7"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["page 0 after nil"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["page 1 after nil"])
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["end complete"])
  }

  @Test func `the spool of an earlier run is written and settled before any page is read`() {
    let spooled = Conductor.Spooled(id: BatchID(run: 0, number: 9), source: 0, rows: 2)
    var conductor = Self.conductor(spooled: [spooled])
    #expect(conductor.tell(.started) == ["write 9"])
    #expect(conductor.tell(.written([spooled.id], rows: 2, matched: 2)) == ["settle 9"])
    #expect(conductor.tell(.settled) == ["page 0 after nil"])
    #expect(conductor.tally.recovered == 2)
  }

  @Test func `rows that changed meanwhile are counted and found by the next sweep`() {
    var conductor = Self.conductor()
    _ = conductor.tell(.started)
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.received(Self.id(1), Self.receipt))
    _ = conductor.tell(.written([Self.id(1)], rows: 2, matched: 1))
    #expect(conductor.tell(.settled) == ["page 0 after nil"])
    #expect(conductor.tell(.pageRead(Self.page(2...2))) == ["request 2 x1", "page 0 after 2"])
    #expect(conductor.tally.changed == 1)
  }

  @Test func `a table that takes no vector three sweeps long ends the run, and not the budget`() throws {
    var conductor = Self.conductor()
    _ = conductor.tell(.started)
    var last: [String] = []
    for sweep in 1...3 {
      _ = conductor.tell(.pageRead(Self.page(1...2)))
      _ = conductor.tell(.pageRead(Self.emptyPage))
      _ = conductor.tell(.received(Self.id(sweep), Self.receipt))
      _ = conductor.tell(.written([Self.id(sweep)], rows: 2, matched: 0))
      last = conductor.tell(.settled)
    }
    #expect(last == ["end 65"])
  }

  // MARK: Stopping

  @Test func `a stop sends nothing more, lets requests end, and writes what they bring`() {
    var conductor = Self.conductor()
    _ = conductor.tell(.started)
    _ = conductor.tell(.pageRead(Self.page(1...8)))
    #expect(conductor.tell(.stopRequested(.terminate), at: 1) == ["wake 21"])
    #expect(conductor.tell(.pageRead(Self.page(9...10)), at: 2) == ["wake 21"])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt), at: 3) == ["wake 21", "write 1"])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt), at: 4) == [])
    #expect(conductor.tell(.written([Self.id(1)], rows: 2, matched: 2), at: 4) == ["write 2", "settle 1"])
    #expect(conductor.tell(.settled, at: 4) == [])
    #expect(conductor.tell(.written([Self.id(2)], rows: 2, matched: 2), at: 4) == ["settle 2"])
    #expect(conductor.tell(.settled, at: 4) == ["end 143"])
  }

  @Test(arguments: ["the grace has passed", "it is asked for again"]) func `requests are cancelled when`(reason: String)
  {
    var conductor = Self.conductor(concurrency: 1)
    _ = conductor.tell(.started)
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.stopRequested(.interrupt), at: 1)
    let event: Conductor.Event = reason == "the grace has passed" ? .woken : .stopRequested(.interrupt)
    #expect(conductor.tell(event, at: event.isWoken ? 21 : 2).first == "cancel")
    let cancelled = EmbeddingFailure(.cancelled, "cancelled", mayHaveBeenBilled: true)
    #expect(conductor.tell(.requestFailed(Self.id(1), cancelled), at: 22) == ["end 130"])
    #expect(conductor.tally.possiblyPaid == 1)
  }

  @Test func `a failed write keeps the vectors in the spool and ends the run when the rest has come in`() {
    var conductor = Self.conductor()
    _ = conductor.tell(.started)
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.received(Self.id(1), Self.receipt))
    #expect(conductor.tell(.writeFailed(Failure(.unavailable, "db", "gone"))) == [])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["end 69"])
  }

  @Test func `a broken ledger ends the run at once`() {
    var conductor = Self.conductor()
    _ = conductor.tell(.started)
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    #expect(conductor.tell(.broken(Failure(.localIO, "ledger", "full"))) == ["cancel", "end 74"])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == [])
  }

  // MARK: Rates and money

  @Test func `a 429 holds every request until the provider's time`() {
    var conductor = Self.conductor(concurrency: 2)
    _ = conductor.tell(.started)
    _ = conductor.tell(.pageRead(Self.page(1...8)))
    let failure = EmbeddingFailure(.rateLimited, "429", retryAfter: .seconds(30))
    #expect(conductor.tell(.requestFailed(Self.id(1), failure), at: 1) == ["wake 31"])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt), at: 2) == ["wake 31", "write 2"])
    #expect(conductor.waiting == .hold)
    #expect(
      conductor.tell(.woken, at: 31).filter { $0.hasPrefix("request") } == ["request 1 x2 again", "request 3 x2"])
  }

  @Test func `requests keep to the configured rate`() {
    var conductor = Self.conductor(
      concurrency: 8, limits: Job.Limits(requestsPerMinute: 60, tokensPerMinute: 1_000_000))
    _ = conductor.tell(.started)
    #expect(conductor.tell(.pageRead(Self.page(1...8))).contains("wake 1"))
    #expect(conductor.inFlight == 1)
    _ = conductor.tell(.woken, at: 1.03)
    #expect(conductor.inFlight == 2)
  }

  @Test func `a request that the budget doesn't hold is divided, and what then doesn't fit is not sent`() {
    var conductor = Self.conductor(concurrency: 2, budget: 30)
    _ = conductor.tell(.started)
    // Two inputs of six bytes: at most 16 tokens, 16 dollars.
    #expect(conductor.tell(.pageRead(Self.page(1...6))).filter { $0.hasPrefix("request") } == ["request 1 x2"])
    #expect(conductor.waiting == .budget)
    let first = Conductor.Receipt(billedTokens: 15, latency: .zero)
    #expect(conductor.tell(.received(Self.id(1), first)) == ["request 4 x1", "write 1"])
    let second = Conductor.Receipt(billedTokens: 8, latency: .zero)
    #expect(conductor.tell(.received(Self.id(4), second)) == [])
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.written([Self.id(1)], rows: 2, matched: 2))
    _ = conductor.tell(.settled)
    _ = conductor.tell(.written([Self.id(4)], rows: 1, matched: 1))
    #expect(conductor.tell(.settled) == ["end 82"])
    #expect(conductor.spending.spent == 23)
  }

  @Test func `a provider that bills more than was counted is believed for what follows`() {
    var spending = Spending(spent: 0, budget: Job.Budget(usd: 10))
    let reserved = spending.reservation(for: 2)
    spending.reserve(reserved)
    spending.settle(reservation: reserved, cost: 3)
    #expect(spending.reservation(for: 2) == 3)
    #expect(spending.fits(spending.reservation(for: 4)))
    #expect(!spending.fits(spending.reservation(for: 5)))
  }

  @Test func `no request has more tokens than a minute may have`() {
    var conductor = Self.conductor(
      batchSize: 8, concurrency: 8, limits: Job.Limits(requestsPerMinute: 1_000_000, tokensPerMinute: 20))
    _ = conductor.tell(.started)
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

extension Conductor {
  /// What it does, in words.
  mutating func tell(_ event: Event, at seconds: Double = 0) -> [String] {
    handle(event, at: .seconds(seconds)).map(\.words)
  }
}

extension Conductor.Event {
  fileprivate var isWoken: Bool { if case .woken = self { true } else { false } }
}

extension Conductor.Action {
  fileprivate var words: String {
    func numbers(_ ids: [BatchID]) -> String { ids.map { String($0.number) }.joined(separator: ",") }
    switch self {
    case .readPage(let source, let key): return "page \(source) after \(key.map(\.description) ?? "nil")"
    case .request(let batch, let attempt, _):
      return "request \(batch.id.number) x\(batch.contents.inputs.count)" + (attempt > 1 ? " again" : "")
    case .write(_, let ids): return "write \(numbers(ids))"
    case .settle(let ids, _, let watermark):
      return "settle \(numbers(ids))" + (watermark.map { " up to \($0.key)" } ?? "")
    case .condemn(let batch, _, _): return "condemn \(batch.id.number)"
    case .wake(let time): return "wake \(Int((time / .seconds(1)).rounded()))"
    case .cancelRequests: return "cancel"
    case .end(.complete): return "end complete"
    case .end(let ending): return "end \(ending.exitCode.rawValue)"
    }
  }
}
