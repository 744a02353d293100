/// Keeps requests and tokens under their rates a minute: buckets that are reserved before sending and corrected by the
/// reply (P6).
///
/// The rates come from the job and from the provider. The lower one holds, so a provider can lower a configured ceiling but
/// never raise it.
package struct RateLimiter: Equatable, Sendable {
  private var configured: Job.Limits
  /// What was sent before a limit was known, by earlier runs and by this one.
  private var earlier: [TokenBucket.Use]
  private var told: Job.Limits
  private var requests: TokenBucket?
  private var tokens: TokenBucket?
  /// The billed tokens for one that is counted here: counts are multiplied by it before they are compared with a limit.
  private var ratio: BilledRatio
  private var pace = Pace()
  private(set) var heldUntil: Duration = .zero

  package init(_ limits: Job.Limits, after earlier: EarlierUse = EarlierUse()) {
    configured = limits
    let ratio = BilledRatio(startingAt: earlier.billedPerCounted ?? 1)
    self.ratio = ratio
    self.earlier = earlier.requests.map {
      TokenBucket.Use(time: .zero - $0.age, count: ratio.expected($0.tokens))
    }
    told = earlier.told
    setRates(at: .zero)
  }

  /// Azure counts requests by windows of 1 s too: no more than a part of one is sent at once.
  private static let requestBurst: Duration = .milliseconds(200)
  private static let tokenBurst: Duration = .seconds(1)
  /// How often a wait at a lowered pace is looked at again.
  private static let paceInterval: Duration = .seconds(10)

  /// Whether both rates are known, so that requests may be sent side by side from the start.
  package var isKnown: Bool { requests != nil && tokens != nil }

  /// Whether one request of `count` tokens, as they are counted here, has more than a minute may have.
  package func isPassed(byOneOf count: Int) -> Bool { tokenLimit.map { expected(count) > $0 } ?? false }

  /// The configured limit that one request of `count` tokens, as they are counted here, can never keep; nil where it can.
  package func configuredLimit(passedByOneOf count: Int) -> Int? {
    part(of: configured.tokensPerMinute).flatMap { expected(count) > $0 ? $0 : nil }
  }

  /// The tokens to expect of a request of `count` tokens, as they are counted here.
  package func expected(_ count: Int) -> Int { ratio.expected(count) }

  /// The billed tokens of one that is counted here, by the replies so far.
  package var billedPerCounted: Double { ratio.value }

  /// How long until a request of `count` tokens, as they are counted here, may be sent; zero where it may be sent now.
  package mutating func wait(forTokens count: Int, at now: Duration) -> Duration {
    if pace.recovers(at: now) { setRates(at: now) }
    let reserved = expected(count)
    let wait = max(requests?.wait(for: 1, at: now) ?? .zero, tokens?.wait(for: reserved, at: now) ?? .zero)
    // A pace that recovers meanwhile makes it shorter.
    return max(pace.factor < 1 ? min(wait, RateLimiter.paceInterval) : wait, heldUntil - now, .zero)
  }

  /// The longer of the waits for the provider's two limits a minute, at the full pace; nil where
  /// there is none. A limit that the job itself sets as low is not the provider's.
  package mutating func toldWait(forTokens count: Int, at now: Duration) -> ToldWait? {
    func isTold(_ told: Int?, _ configured: Int?) -> Int? { told.flatMap { $0 < configured ?? .max ? $0 : nil } }
    let reserved = expected(count)
    var waits: [ToldWait] = []
    if let limit = isTold(told.requestsPerMinute, configured.requestsPerMinute),
      let wait = requests?.wait(for: 1, at: now)
    {
      waits.append(ToldWait(unit: .request, limit: limit, time: wait * pace.factor))
    }
    if let limit = isTold(told.tokensPerMinute, configured.tokensPerMinute),
      let wait = tokens?.wait(for: reserved, at: now)
    {
      waits.append(ToldWait(unit: .token, limit: limit, time: wait * pace.factor))
    }
    return waits.filter { $0.time > .zero }.max { $0.time < $1.time }
  }

  /// A request of `count` tokens is sent; returns what is reserved for it, which `correct` takes when the reply is there.
  package mutating func sent(tokens count: Int, at now: Duration) -> Int {
    let reserved = expected(count)
    requests?.take(1, at: now)
    tokens?.take(reserved, at: now)
    if !isKnown {
      earlier.removeAll { $0.time < now - .seconds(60) }
      earlier.append(TokenBucket.Use(time: now, count: reserved))
    }
    return reserved
  }

  /// A reply shows that a request of `counted` tokens, for which `reserved` were taken, took `actual` ones. Returns how many
  /// more those were.
  @discardableResult
  package mutating func correct(counted: Int, reserved: Int, actual: Int, at now: Duration) -> Int {
    let most = BilledRatio.bounds.upperBound * Double(max(counted, 1))
    let actual = Int(min(max(Double(actual), 0), most))
    tokens?.take(actual - reserved, at: now)
    ratio.add(counted: counted, billed: actual)
    return actual - reserved
  }

  /// Nothing may be sent before `time`.
  package mutating func hold(until time: Duration) {
    heldUntil = max(heldUntil, time)
  }

  /// The provider refused a request that was within the rates: `factor` of the pace from now on. It recovers step by step
  /// once `steadyFor` has passed.
  package mutating func slow(to factor: Double, steadyFor: Duration, at now: Duration) {
    pace.slow(to: factor, steadyUntil: now + steadyFor, at: now)
    setRates(at: now)
  }

  /// The job sets other limits from now on; what was used of the former ones counts.
  package mutating func configure(_ limits: Job.Limits, at now: Duration) {
    configured = limits
    if requestLimit == nil { requests = nil }
    if tokenLimit == nil { tokens = nil }
    setRates(at: now)
  }

  /// Takes up the limits that a provider reports, and what is left of them.
  package mutating func learn(_ hints: RateLimitHints, at now: Duration) {
    if let limit = hints.requestLimit, limit > 0 { told.requestsPerMinute = limit }
    if let limit = hints.tokenLimit, limit > 0 { told.tokensPerMinute = limit }
    setRates(at: now)
    if let left = hints.requestsRemaining { requests?.lower(to: left, at: now) }
    if let left = hints.tokensRemaining { tokens?.lower(to: left, at: now) }
  }

  /// The limits that hold: those that the job sets and those that the provider reports, of two the lower.
  package var limits: Job.Limits {
    Job.Limits(requestsPerMinute: requestLimit, tokensPerMinute: tokenLimit)
  }

  /// The limits at the present pace, for those who share them.
  var pacedLimits: Job.Limits {
    func paced(_ limit: Int?) -> Int? { limit.map { max(1, Int(Double($0) * pace.factor)) } }
    return Job.Limits(requestsPerMinute: paced(requestLimit), tokensPerMinute: paced(tokenLimit))
  }

  private var requestLimit: Int? {
    part(of: [told.requestsPerMinute, configured.requestsPerMinute].compactMap(\.self).min())
  }

  private var tokenLimit: Int? {
    part(of: [told.tokensPerMinute, configured.tokensPerMinute].compactMap(\.self).min())
  }

  /// What the job uses of a limit; the rest is others'.
  private func part(of limit: Int?) -> Int? {
    configured.share < 1 ? limit.map { max(1, Int((Double($0) * configured.share).rounded(.down))) } : limit
  }

  private mutating func setRates(at now: Duration) {
    if let limit = requestLimit {
      requests =
        requests
        ?? TokenBucket(
          perMinute: limit, burst: RateLimiter.requestBurst,
          after: earlier.map { TokenBucket.Use(time: $0.time, count: 1) }, at: now)
      requests?.setRate(perMinute: Double(limit) * pace.factor, at: now)
    }
    if let limit = tokenLimit {
      tokens =
        tokens
        ?? TokenBucket(
          perMinute: limit, burst: RateLimiter.tokenBurst, after: earlier, at: now)
      tokens?.setRate(perMinute: Double(limit) * pace.factor, at: now)
    }
  }
}
