import Backfill
import TestSupport

/// A provider with rate limits and a latency of its own, driven on a virtual clock by a conductor whose pages never end.
struct ThrottledProvider {
  struct Load {
    var inputs = 100
    var tokens: ClosedRange<Int>
    /// What the client counts for one token that is billed.
    var countedPerToken = 1.0
    var latency: ClosedRange<Double> = 0.1...0.4
    var tellsLimits = true
    /// What another client of the account uses, in requests of so many tokens a second.
    var otherTokensPerSecond = 0
  }

  private enum Pending {
    case event(Conductor.Event)
    case arrival(Batch)
    case otherClient
  }

  private var conductor: Conductor
  private var quota: ProviderQuota
  private let load: Load
  private var random: SeededGenerator
  private var queue: [(time: Duration, pending: Pending)] = []
  private var lastKey: Int64 = 0
  private var outages: [Range<Duration>] = []

  private(set) var now: Duration = .zero
  private(set) var sent: [Duration] = []
  private(set) var refused: [Duration] = []
  private(set) var billed: [(time: Duration, tokens: Int)] = []
  private(set) var peakInFlight = 0
  private(set) var ending: Ending?
  private var inFlight = 0
  private var nextWake: Duration?

  init(_ quota: ProviderQuota, _ load: Load, limits: Job.Limits, concurrency: Int, seed: UInt64 = 1) {
    self.quota = quota
    self.load = load
    random = SeededGenerator(seed: seed)
    let job = Job(
      name: "job", sources: [Source(table: "a")], model: Model(name: "m", dimensions: 4), batchSize: load.inputs,
      concurrency: concurrency, writers: 1, limits: limits)
    conductor = Conductor(
      job: job, policy: RunPolicy(), run: 1, watermarks: [nil], spooled: [], spent: 0,
      random: SeededGenerator(seed: seed))
    queue = [(.zero, .event(.started))]
    if load.otherTokensPerSecond > 0 { queue.append((.milliseconds(500), .otherClient)) }
  }

  /// Every request that is sent in one of these times is lost.
  mutating func fail(during times: Range<Duration>...) { outages = times }

  var tally: Tally { conductor.tally }

  mutating func run(until end: Duration) {
    while ending == nil, let next = queue.indices.min(by: { queue[$0].time < queue[$1].time }), queue[next].time <= end
    {
      let (time, pending) = queue.remove(at: next)
      now = max(now, time)
      if let wake = nextWake, wake <= now { nextWake = nil }
      switch pending {
      case .event(let event): tell(event)
      case .arrival(let batch): arrive(batch)
      case .otherClient:
        quota.use(tokens: load.otherTokensPerSecond, at: now)
        queue.append((now + .seconds(1), .otherClient))
      }
    }
    now = end
  }

  private mutating func tell(_ event: Conductor.Event) {
    switch event {
    case .received, .requestFailed: inFlight -= 1
    default: break
    }
    for action in conductor.handle(event, at: now) {
      switch action {
      case .readLastKey: later(.event(.lastKeyRead(.integer(.max))), after: 0.005)
      case .readPage: later(.event(.pageRead(page())), after: 0.005)
      case .request(let batch, _, _):
        sent.append(now)
        inFlight += 1
        peakInFlight = max(peakInFlight, inFlight)
        later(.arrival(batch), after: 0.01)
      case .write(let write):
        let report = WriteReport(batches: write.parts.map { WriteReport.Batch(id: $0.batch) })
        later(.event(.written(report, writer: write.writer)), after: 0.01)
      case .settle: later(.event(.settled), after: 0.005)
      case .wake(let time):
        guard time < nextWake ?? .seconds(1 << 30) else { continue }
        nextWake = time
        queue.append((time, .event(.woken)))
      case .cancelReading, .cancelRequests, .cancelWriting, .prepareWriting, .compare, .prove, .gather, .claim: break
      case .end(let reason): ending = reason
      }
    }
  }

  private mutating func arrive(_ batch: Batch) {
    let count = Int(Double(batch.contents.tokenCount) / load.countedPerToken)
    let latency = Double.random(in: load.latency, using: &random)
    if outages.contains(where: { $0.contains(now) }) {
      return later(.event(.requestFailed(batch.id, EmbeddingFailure(.transient, "down", status: 503))), after: 0.05)
    }
    if let refusal = quota.admit(tokens: count, at: now) {
      refused.append(now)
      let failure = EmbeddingFailure(
        .rateLimited, "429", status: 429, code: "rate_limit_exceeded", retryAfter: refusal.retryAfter,
        rateLimits: load.tellsLimits ? quota.hints : RateLimitHints())
      return later(.event(.requestFailed(batch.id, failure)), after: 0.05)
    }
    billed.append((now, count))
    let receipt = Conductor.Receipt(
      billedTokens: count, rateLimits: load.tellsLimits ? quota.hints : RateLimitHints(), latency: .seconds(latency))
    later(.event(.received(batch.id, receipt)), after: latency)
  }

  private mutating func later(_ pending: Pending, after seconds: Double) {
    queue.append((now + .seconds(seconds), pending))
  }

  private mutating func page() -> PackedPage {
    let keys = (lastKey + 1)...(lastKey + Int64(5 * load.inputs))
    lastKey = keys.upperBound
    let sizes = keys.map { _ in Int.random(in: load.tokens, using: &random) }
    let first = keys.lowerBound
    let scale = load.countedPerToken
    return Packer(preparation: TextPreparation(), maxInputs: load.inputs) { text in
      let key = text.drop { $0 != " " }.dropFirst().prefix { $0 != " " }
      return Int(key).map { Int(Double(sizes[$0 - Int(first)]) * scale) } ?? 1
    }.pack(
      MessagePage(
        keys.map { Message(key: .integer($0), text: "text \($0) ") }, continuesAfter: .integer(keys.upperBound)))
  }
}
