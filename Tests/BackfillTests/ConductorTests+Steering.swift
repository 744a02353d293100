import Testing

@testable import Backfill

/// Bounds, holds and changed limits.
extension ConductorTests {
  private static func bounded(_ bounds: Bounds, concurrency: Int = 2, spooled: [Conductor.Spooled] = []) -> Conductor {
    var policy = RunPolicy()
    policy.bounds = bounds
    return conductor(concurrency: concurrency, spooled: spooled, policy: policy)
  }

  /// The first rows of a page of four, and whether that is not all.
  private static func page(cutTo most: Int) -> PackedPage {
    let whole = MessagePage(
      (1...4).map { Message(key: .integer($0), text: "text \($0)") }, continuesAfter: .integer(4))
    let (page, isCut) = whole.cut(to: most) { _ in false }
    var packed = Packer(preparation: TextPreparation(), maxInputs: 2) { $0.utf8.count }.pack(page)
    packed.isCut = isCut
    return packed
  }

  @Test func `the rows that may be written are taken and no more, and with rows left the run ends by its bound`() {
    var conductor = Self.bounded(Bounds(rows: 3))
    _ = conductor.tell(.started)
    let read = conductor.handle(.lastKeyRead(.integer(9)), at: .zero)
    guard case .readPage(_, let request, _, _)? = read.first else {
      Issue.record("\(read)")
      return
    }
    #expect(request.mostTaken == 3)
    #expect(conductor.tell(.pageRead(Self.page(cutTo: 3))) == ["request 1 x2", "request 2 x1"])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["write 1"])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == [])
    #expect(conductor.tell(Self.written([(Self.id(1), 2)])) == ["write 2", "settle 1"])
    #expect(conductor.tell(.settled) == [])
    #expect(conductor.tell(Self.written([(Self.id(2), 1)])) == ["settle 2 up to 3"])
    #expect(conductor.tell(.settled) == ["end 81"])
    #expect(conductor.tally.written == 3)
  }

  @Test func `a row that got no vector makes room for another`() {
    var conductor = Self.bounded(Bounds(rows: 2))
    conductor.begin()
    #expect(conductor.tell(.pageRead(Self.page(cutTo: 2))) == ["request 1 x2"])
    _ = conductor.tell(.received(Self.id(1), Self.receipt))
    _ = conductor.tell(Self.written([(Self.id(1), 1)], changed: [.integer(2)]))
    let read = conductor.handle(.settled, at: .zero)
    guard case .readPage(_, let request, _, _)? = read.first else {
      Issue.record("\(read)")
      return
    }
    #expect(request.mostTaken == 1)
  }

  @Test func `as many rows as may be written, and none left, is complete`() {
    var conductor = Self.bounded(Bounds(rows: 2))
    conductor.begin(lastKey: 2)
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    _ = conductor.tell(.received(Self.id(1), Self.receipt))
    _ = conductor.tell(Self.written([(Self.id(1), 2)]))
    #expect(conductor.tell(.settled) == ["last 0"])
    _ = conductor.tell(.lastKeyRead(.integer(2)))
    #expect(conductor.tell(.pageRead(Self.emptyPage)) == ["end complete"])
  }

  @Test(arguments: [(5, ["write 1"], 3), (2, ["end 81"], 0)])
  func `what an earlier run has paid for counts too, and is not asked for again`(
    rows: Int, first: [String], written: Int
  ) {
    let spooled = [3, 4].enumerated().map {
      Conductor.Spooled(id: BatchID(run: 0, number: $0.offset + 1), source: 0, rows: $0.element)
    }
    var conductor = Self.bounded(Bounds(rows: rows), spooled: spooled)
    #expect(conductor.tell(.started) == first)
    if written > 0 {
      #expect(conductor.tell(Self.written([(spooled[0].id, written)])) == ["settle 1"])
      #expect(conductor.tell(.settled) == ["end 81"])
    }
    #expect(conductor.tally.written == written)
  }

  @Test func `after the requests that may be sent nothing more is, and what they bring is written`() {
    var conductor = Self.bounded(Bounds(requests: 2))
    conductor.begin()
    let sent = conductor.tell(.pageRead(Self.page(1...8)))
    #expect(sent.filter { $0.hasPrefix("request") } == ["request 1 x2", "request 2 x2"])
    _ = conductor.tell(.pageRead(Self.emptyPage))
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["write 1", "wake 20"])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["wake 20"])
    #expect(conductor.tell(Self.written([(Self.id(1), 2)])) == ["write 2", "settle 1", "wake 20"])
    _ = conductor.tell(.settled)
    _ = conductor.tell(Self.written([(Self.id(2), 2)]))
    #expect(conductor.tell(.settled) == ["end 81"])
    #expect(conductor.tally.requests == 2)
  }

  @Test(arguments: [StopCause.deadline, .until, .hours, .control])
  func `a signal after a bound is a first one, and what the run ended by`(_ bound: StopCause) {
    var conductor = Self.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    #expect(conductor.tell(.stopRequested(bound), at: 1) == ["cancel reading", "wake 21"])
    #expect(conductor.tell(.pageRead(Self.emptyPage), at: 1) == ["wake 21"])
    #expect(conductor.tell(.stopRequested(.deadline), at: 2) == ["wake 21"])
    #expect(conductor.tell(.stopRequested(.terminate), at: 3) == ["wake 21"])
    _ = conductor.tell(.received(Self.id(1), Self.receipt), at: 4)
    _ = conductor.tell(Self.written([(Self.id(1), 2)]), at: 4)
    #expect(conductor.tell(.settled, at: 4) == ["end 143"])
  }

  @Test(arguments: [(StopCause.deadline, 20, 21), (.terminate, 20, 21), (.interrupt, 7, 8), (.terminate, 0, 6)])
  func `a write that hangs when the grace is over is given up, but not before 5 s after a signal`(
    _ cause: StopCause, grace: Double, end: Double
  ) {
    var conductor = Self.conductor(concurrency: 1, policy: RunPolicy(grace: .seconds(grace)))
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == ["write 1"])
    #expect(conductor.tell(.stopRequested(cause), at: 1) == ["wake \(Int(end))"])
    #expect(conductor.tell(.woken, at: end - 1) == ["wake \(Int(end))"])
    #expect(conductor.tell(.woken, at: end) == ["cancel writing"])
    #expect(conductor.tell(.writeFailed(Failure(.unavailable, "db", "cancelled"), writer: 0), at: end).count == 1)
    #expect(conductor.ending == .stopped(cause))
  }

  @Test func `a held run sends and reads nothing, writes what it got, and goes on where it was`() {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...8)))
    _ = conductor.tell(.pageRead(Self.page(9...12)))
    #expect(conductor.tell(.held(Pause(.paused)), at: 1) == [])
    #expect(conductor.waiting == .paused)
    #expect(conductor.tell(.received(Self.id(1), Self.receipt), at: 2) == ["write 1"])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt), at: 2) == [])
    #expect(conductor.tell(Self.written([(Self.id(1), 2)]), at: 2) == ["write 2", "settle 1"])
    #expect(conductor.tell(.settled, at: 3) == [])
    let after = conductor.tell(.held(nil), at: 4_000)
    #expect(after.filter { $0.hasPrefix("request") } == ["request 3 x2", "request 4 x2"])
    #expect(conductor.waiting == nil)
  }

  @Test func `a gentle run keeps what it got in the ledger, and stopped it ends without writing it`() {
    var conductor = Self.conductor()
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...4)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    let hold = Pause(.gentle, "replica lag 12 s > 5 s", stopsWriting: true)
    #expect(conductor.tell(.held(hold)) == [])
    #expect(conductor.tell(.received(Self.id(1), Self.receipt)) == [])
    #expect(conductor.hold?.reason == "replica lag 12 s > 5 s")
    #expect(conductor.tell(.stopRequested(.terminate)) == ["wake 20"])
    #expect(conductor.tell(.received(Self.id(2), Self.receipt)) == ["end 143"])
    #expect(conductor.tally.written == 0)
  }

  @Test func `the time of a hold counts for no outage`() {
    var conductor = Self.conductor(concurrency: 1, policy: RunPolicy(retry: RetryPolicy(maxOutage: .seconds(10))))
    conductor.begin()
    _ = conductor.tell(.pageRead(Self.page(1...2)))
    _ = conductor.tell(.pageRead(Self.emptyPage))
    let away = EmbeddingFailure(.transient, "away", status: 503)
    _ = conductor.tell(.requestFailed(Self.id(1), away), at: 1)
    _ = conductor.tell(.held(Pause(.paused)), at: 2)
    #expect(conductor.tell(.held(nil), at: 2_002) == ["request 1 x2 again"])
    #expect(conductor.tell(.requestFailed(Self.id(1), away), at: 2_003).first?.hasPrefix("wake") == true)
    #expect(!conductor.isStopping)
  }

  @Test func `a job's limits, concurrency and budget are lowered, raised and lifted while it runs`() {
    var conductor = Self.conductor(concurrency: 4, budget: 1_000)
    conductor.begin()
    func terms(_ limit: Int?, _ concurrency: Int, _ budget: Double?) -> Conductor.Event {
      .adjusted(
        Terms(
          limits: Job.Limits(requestsPerMinute: limit, tokensPerMinute: limit.map { $0 * 100 }),
          concurrency: concurrency, budget: budget.map { Job.Budget(usd: $0) }))
    }
    _ = conductor.tell(terms(60, 1, 1_000))
    #expect(conductor.limits == Job.Limits(requestsPerMinute: 60, tokensPerMinute: 6_000))
    #expect(conductor.tell(.pageRead(Self.page(1...12))).filter { $0.hasPrefix("request") } == ["request 1 x2"])
    _ = conductor.tell(terms(nil, 3, 1_000))
    #expect(conductor.inFlight == 3)
    #expect(conductor.limits == Job.Limits())
    // Less than what those in flight may cost: nothing more is sent, and what follows ends as by any budget.
    _ = conductor.tell(terms(nil, 8, 0.5))
    #expect(conductor.inFlight == 3)
    #expect(conductor.waiting == .budget)
    for number in 1...3 { _ = conductor.tell(.received(Self.id(number), Self.receipt)) }
    #expect(conductor.ending?.exitCode == .budget)
  }

  @Test func `what the provider tells holds whatever the job sets`() {
    var limiter = RateLimiter(Job.Limits(requestsPerMinute: 100, tokensPerMinute: nil))
    var hints = RateLimitHints()
    hints.requestLimit = 400
    limiter.learn(hints, at: .zero)
    limiter.configure(Job.Limits(requestsPerMinute: 3_000), at: .zero)
    #expect(limiter.limits.requestsPerMinute == 400)
    limiter.configure(Job.Limits(), at: .zero)
    #expect(limiter.limits.requestsPerMinute == 400)
  }

  static let quarantine: [(FailOn, most: Int, earlier: Int, new: Bool, code: ExitCode)] = [
    (.new, 0, 0, true, .quarantined), (.new, 0, 0, false, .complete), (.new, 1, 0, true, .complete),
    (.new, 0, 1, false, .quarantined), (.quarantined, 0, 0, false, .quarantined), (.quarantined, 1, 0, true, .complete),
    (.never, 0, 1, true, .complete),
  ]

  @Test(arguments: quarantine) func `a row in quarantine fails a run as it is asked to`(
    failOn: FailOn, most: Int, earlier: Int, new: Bool, code: ExitCode
  ) {
    var policy = RunPolicy(maxQuarantined: most)
    policy.failOn = failOn
    let job = Job(
      name: "job", sources: [Source(table: "a")],
      model: Model(name: "m", dimensions: 4, maxInputTokens: 1_000_000), batchSize: 1, limits: Self.ample)
    var conductor = Conductor(
      job: job, policy: policy, run: 1, watermarks: [nil], spooled: [], spent: 0, newlyCondemned: earlier)
    conductor.begin()
    let text = UnreadableText(reason: "its bytes are no UTF-8")
    let message = Message(key: .integer(1), unreadable: text)
    let packed = Packer(preparation: TextPreparation(), maxInputs: 1) { $0.utf8.count }
      .pack(MessagePage([message], continuesAfter: nil), condemned: new ? [:] : [.integer(1): text.digest])
    let known = Packer(preparation: TextPreparation(), maxInputs: 1) { $0.utf8.count }
      .pack(MessagePage([message], continuesAfter: nil), condemned: [.integer(1): text.digest])
    var last = conductor.tell(.pageRead(packed))
    for _ in 0..<4 where conductor.ending == nil {
      last += conductor.tell(.settled)
      if last.last?.hasPrefix("last") == true { last += conductor.tell(.lastKeyRead(.integer(9))) }
      if last.last?.hasPrefix("page") == true { last += conductor.tell(.pageRead(known)) }
    }
    #expect(conductor.ending?.exitCode == code, "\(last)")
  }
}
