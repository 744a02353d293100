import Backfill
import TestSupport
import Testing

/// What a provider tells of its limits makes no run wait for longer than its `--max-outage`.
@Suite struct LongWaitTests {
  struct Hints: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let hints: RateLimitHints

    init(_ name: String, _ set: (inout RateLimitHints) -> Void) {
      testDescription = name
      var hints = RateLimitHints()
      set(&hints)
      self.hints = hints
    }
  }

  static let oneRequest = Hints("one request a minute") { $0.requestLimit = 1 }

  static let tooLong = [
    oneRequest,
    Hints("one request a minute, and none left for days") {
      ($0.requestLimit, $0.requestsRemaining, $0.requestsReset) = (1, 0, .seconds(3 * 86_400))
    },
    Hints("one token a minute") { $0.tokenLimit = 1 },
    Hints("both of one") { ($0.requestLimit, $0.tokenLimit) = (1, 1) },
    Hints("fewer tokens than a request has") { ($0.requestLimit, $0.tokenLimit) = (3_000, 7) },
  ]

  static let harmless = [
    Hints("nothing") { _ in },
    Hints("an end of days, with a limit that isn't used up") {
      ($0.requestLimit, $0.requestsRemaining, $0.requestsReset) = (3_000, 2_999, .seconds(3 * 86_400))
    },
    Hints("none left of many, for hours") {
      ($0.requestLimit, $0.requestsRemaining, $0.requestsReset) = (3_000, 0, .seconds(6 * 3_600))
    },
    Hints("the largest numbers") { ($0.requestLimit, $0.tokenLimit, $0.tokensRemaining) = (.max, .max, .max) },
    Hints("what is no limit") { ($0.requestLimit, $0.tokenLimit) = (0, -5) },
  ]

  /// One request of two inputs at a time, answered with `hints`; what is done once its rows are settled.
  static func afterFirstAnswer(
    _ hints: RateLimitHints, limits: Job.Limits = Job.Limits(), maxOutage: Double
  ) -> (conductor: Conductor, actions: [String]) {
    var conductor = ConductorTests.conductor(
      concurrency: 1, limits: limits, policy: RunPolicy(retry: RetryPolicy(maxOutage: .seconds(maxOutage))))
    conductor.begin()
    var actions = conductor.tell(.pageRead(ConductorTests.page(1...8)))
    #expect(actions.contains("request 1 x2"))
    actions = conductor.tell(
      .received(ConductorTests.id(1), Conductor.Receipt(billedTokens: 12, rateLimits: hints, latency: .zero)), at: 0.1)
    actions += conductor.tell(.pageRead(ConductorTests.emptyPage), at: 0.1)
    actions += conductor.tell(ConductorTests.written([(ConductorTests.id(1), rows: 2)]), at: 0.1)
    actions += conductor.tell(.settled, at: 0.1)
    return (conductor, actions)
  }

  /// What a run ends with.
  static func failure(in actions: [Conductor.Action]) -> Failure? {
    for case .end(.failed(let failure)) in actions { return failure }
    return nil
  }

  @Test(arguments: tooLong, [2.0, 30]) func `a limit that the next request would wait too long for ends the run`(
    _ told: Hints, maxOutage: Double
  ) {
    let (_, actions) = Self.afterFirstAnswer(told.hints, maxOutage: maxOutage)
    #expect(actions.last == "end 69", "\(actions)")
    #expect(!actions.contains { $0.hasPrefix("request") || $0.hasPrefix("wake") })
  }

  @Test(arguments: harmless) func `a limit that lets requests through, or is none, ends nothing`(_ told: Hints) {
    let (conductor, actions) = Self.afterFirstAnswer(told.hints, maxOutage: 2)
    #expect(!actions.contains("end 69"), "\(actions)")
    #expect(conductor.inFlight == 1 || actions.contains { $0.hasPrefix("wake 0") }, "\(actions)")
  }

  @Test func `a limit that is waited for within the time that is allowed is kept`() {
    var (conductor, actions) = Self.afterFirstAnswer(Self.oneRequest.hints, maxOutage: 62)
    #expect(actions.contains("wake 61"))
    #expect(conductor.waiting == .rate)
    #expect(conductor.tell(.woken, at: 61.4).contains("request 2 x2"))
  }

  @Test func `what the run ends with says what was told, and how long it would take`() throws {
    let told = Hints("") { $0.tokenLimit = 1 }
    var (conductor, _) = Self.afterFirstAnswer(told.hints, maxOutage: 100)
    #expect(conductor.tell(.woken, at: 62).contains("request 5 x1"))
    let receipt = Conductor.Receipt(billedTokens: 6, rateLimits: told.hints, latency: .zero)
    var actions = conductor.handle(.received(ConductorTests.id(5), receipt), at: .seconds(63))
    #expect(conductor.isStopping)
    actions += conductor.handle(ConductorTests.written([(ConductorTests.id(5), rows: 1)]), at: .seconds(63))
    actions += conductor.handle(.settled, at: .seconds(63))
    let line = try #require(Self.failure(in: actions)).description
    #expect(line.contains("1 token a minute (by x-ratelimit-limit-tokens, or"), "\(line)")
    #expect(line.contains("--max-outage is 100 s"), "\(line)")
    #expect(line.contains("give a longer --max-outage"), "\(line)")
  }

  @Test func `a limit that another reply on its way may lift is waited for until that reply has come`() {
    var conductor = ConductorTests.conductor(
      concurrency: 2, policy: RunPolicy(retry: RetryPolicy(maxOutage: .seconds(5))))
    conductor.begin()
    _ = conductor.tell(.pageRead(ConductorTests.page(1...8)))
    let low = Conductor.Receipt(billedTokens: 12, rateLimits: Self.oneRequest.hints, latency: .zero)
    #expect(!conductor.tell(.received(ConductorTests.id(1), low), at: 1).contains("end 69"))
    #expect(!conductor.isStopping)
    let high = Hints("") { $0.requestLimit = 3_000 }
    let lifted = Conductor.Receipt(billedTokens: 12, rateLimits: high.hints, latency: .zero)
    let actions = conductor.tell(.received(ConductorTests.id(2), lifted), at: 2)
    #expect(!conductor.isStopping)
    #expect(actions.contains { $0.hasPrefix("request") || $0.hasPrefix("wake") }, "\(actions)")
  }

  @Test(arguments: [1, 2]) func `the job's own limit is waited for, however long that takes`(perMinute: Int) {
    let own = Job.Limits(requestsPerMinute: perMinute, tokensPerMinute: 1_000_000)
    let (conductor, actions) = Self.afterFirstAnswer(
      Hints("") { $0.requestLimit = 3_000 }.hints, limits: own, maxOutage: 2)
    #expect(!conductor.isStopping)
    #expect(actions.contains("wake \(perMinute == 1 ? 61 : 31)"), "\(actions)")
  }

  @Test func `a limit that is told as low as the job's own is the job's own`() {
    let (conductor, _) = Self.afterFirstAnswer(
      Self.oneRequest.hints, limits: Job.Limits(requestsPerMinute: 1), maxOutage: 2)
    #expect(!conductor.isStopping)
  }

  @Test func `one input above the job's own tokens a minute is left out and said, the others are sent`() {
    var conductor = ConductorTests.conductor(
      batchSize: 3, limits: Job.Limits(requestsPerMinute: 1_000_000, tokensPerMinute: 20))
    conductor.begin()
    let texts = ["short", String(repeating: "x", count: 21), "small"]
    let page = Packer(preparation: TextPreparation(), maxInputs: 3) { $0.utf8.count }.pack(
      MessagePage(
        texts.enumerated().map { Message(key: .integer(Int64($0)), text: $1) }, continuesAfter: .integer(2)))
    var actions = conductor.tell(.pageRead(page))
    for second in 1...200 { actions += conductor.tell(.woken, at: Double(second)) }
    #expect(actions.contains { $0.contains("condemning 1 as overLimit") }, "\(actions)")
    #expect(actions.filter { $0.hasPrefix("request") }.count == 2, "\(actions)")
  }

  static let refusals: [(hints: Hints, ends: Bool)] = [
    (Hints("a window of days") { ($0.requestsRemaining, $0.requestsReset) = (0, .seconds(3 * 86_400)) }, true),
    (
      Hints("one a day") { ($0.requestLimit, $0.requestsRemaining, $0.requestsReset) = (1, 0, .seconds(21_600)) }, true
    ),
    (Hints("tokens of days") { ($0.tokensRemaining, $0.tokensReset) = (0, .seconds(86_400)) }, true),
    (
      Hints("room is earlier than the reset") {
        ($0.requestLimit, $0.requestsRemaining, $0.requestsReset) = (10_000, 0, .seconds(86_400))
      }, false
    ),
    (Hints("not used up") { ($0.requestsRemaining, $0.requestsReset) = (5, .seconds(86_400)) }, false),
    (Hints("milliseconds") { ($0.requestsRemaining, $0.requestsReset) = (0, .milliseconds(20)) }, false),
  ]

  @Test(arguments: refusals)
  func `a 429 whose headers tell an end of days ends the run as a long Retry-After does`(
    _ refusal: (hints: Hints, ends: Bool)
  ) {
    var conductor = ConductorTests.conductor(concurrency: 1)
    conductor.begin()
    _ = conductor.tell(.pageRead(ConductorTests.page(1...2)))
    let failure = EmbeddingFailure(.rateLimited, "429", status: 429, rateLimits: refusal.hints.hints)
    _ = conductor.tell(.pageRead(ConductorTests.emptyPage))
    let actions = conductor.handle(.requestFailed(ConductorTests.id(1), failure), at: .seconds(1))
    let reason = Self.failure(in: actions)
    #expect((reason != nil) == refusal.ends)
    #expect(reason?.exitCode == (refusal.ends ? .unavailable : nil))
    #expect(reason?.description.contains("it asks to wait") != false, "\(reason?.description ?? "")")
  }

  @Test func `waits that are asked for one after another take no longer than one may`() {
    var conductor = ConductorTests.conductor(
      concurrency: 1, policy: RunPolicy(retry: RetryPolicy(maxOutage: .seconds(100))))
    conductor.begin()
    _ = conductor.tell(.pageRead(ConductorTests.page(1...2)))
    let failure = EmbeddingFailure(.rateLimited, "429", status: 429, retryAfter: .seconds(90))
    _ = conductor.tell(.requestFailed(ConductorTests.id(1), failure), at: 1)
    #expect(conductor.tell(.woken, at: 91).contains("request 1 x2 again"))
    #expect(conductor.tell(.requestFailed(ConductorTests.id(1), failure), at: 91).contains("wake 101"))
    _ = conductor.tell(.woken, at: 101)
    _ = conductor.tell(.pageRead(ConductorTests.emptyPage), at: 101)
    #expect(conductor.tell(.requestFailed(ConductorTests.id(1), failure), at: 101) == ["end 69"])
  }

  @Test(arguments: [Int.max, 1_000_000_000, 0, -7])
  func `what a reply says that it billed neither stalls a run nor ends its process`(billed: Int) {
    var limiter = RateLimiter(Job.Limits(requestsPerMinute: 60_000, tokensPerMinute: 100_000))
    var now = Duration.zero
    for _ in 0..<50 {
      now += limiter.wait(forTokens: 100, at: now)
      let reserved = limiter.sent(tokens: 100, at: now)
      limiter.correct(counted: 100, reserved: reserved, actual: billed, at: now)
    }
    #expect(now < .seconds(120))
  }
}
