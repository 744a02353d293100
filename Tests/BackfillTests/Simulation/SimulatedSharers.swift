import TestSupport

@testable import Backfill

/// Processes on hosts of their own over one pool, from a seed: they are killed, stand still, lose answers, their clocks
/// differ, and the database's is put back. The provider counts what is sent, and the most that it may cost.
struct SimulatedSharers {
  struct Sent {
    let time: Double
    let tokens: Double
  }

  struct Sharer {
    /// By how much the host's clock is ahead of the database's.
    let ahead: Double
    let tokens: Double
    /// How long it takes from one request to the next at the least; zero for one with no end of work.
    let pause: Double
    let budget: Double?
    var share = HeldShare()
    var session = 0
    /// In this session.
    var spent = 0.0
    var reserved = 0.0
    var inFlight: [(ends: Double, cost: Double, bill: Double)] = []
    var nextSend = 0.0
    /// Until when it stands still, or is dead.
    var awayUntil = 0.0
    var isDead = false
    var claim: (arrives: Double, ask: ShareAsk)?
    var answer: (arrives: Double, grant: ShareGrant)?

    func clock(at time: Double) -> Duration { .seconds(time + ahead) }
  }

  let limits: Job.Limits
  /// The most requests in flight at once, and how long one takes.
  let concurrency: Int
  let latency: ClosedRange<Double>
  let hasFaults: Bool
  /// The share of claims whose answer is lost, where there are faults. The first process has a good line.
  let lostAnswer: Double
  /// How many tokens the provider counts for one that is reckoned with, which its reply tells.
  let billedPerToken: Double
  var random: SeededGenerator
  var allowance = SimulatedAllowance(at: 1_000)
  /// How many of them have copies of one ledger.
  let copies: Int
  var sharers: [Sharer]
  var sent: [Sent] = []
  var billed = 0.0
  var (kills, stands, lostAnswers, claims) = (0, 0, 0, 0)
  /// When the database's clock is put back, and by how much.
  var clockBack: (at: Double, by: Double)?
  /// Steps after which one had spent or reserved what nobody else knew of.
  var unbooked = 0
  static let price = 0.000_01

  init(
    seed: UInt64, limits: Job.Limits, budget: Double? = nil, sharers count: Int? = nil, tokens: Double? = nil,
    pause: Double = 0, concurrency: Int = .max, latency: ClosedRange<Double> = 0.05...0.6, billedPerToken: Double = 1,
    lostAnswer: Double = 0.03, hasFaults: Bool
  ) {
    var random = SeededGenerator(seed: seed)
    self.limits = limits
    self.concurrency = concurrency
    self.latency = latency
    self.hasFaults = hasFaults
    self.lostAnswer = lostAnswer
    self.billedPerToken = billedPerToken
    sharers = (0..<(count ?? Int.random(in: 2...8, using: &random))).map { index in
      Sharer(
        ahead: Double.random(in: -500...500, using: &random),
        tokens: tokens ?? Double(Int.random(in: 20...4_000, using: &random)),
        pause: hasFaults && index > 0 && random.chance(0.3) ? Double.random(in: 0.1...3, using: &random) : pause,
        budget: budget)
    }
    copies = hasFaults ? Int.random(in: 1...3, using: &random) : 1
    if hasFaults, random.chance(0.5) {
      clockBack = (Double.random(in: 1_020...1_120, using: &random), Double.random(in: 1...300, using: &random))
    }
    self.random = random
  }

  /// Runs up to `end`, in seconds.
  mutating func run(until end: Double) {
    for step in 0..<Int(end * 100) {
      let now = 1_000 + Double(step) / 100
      for index in sharers.indices {
        advance(index, at: now)
        if !isOnTheBooks(index, at: now) { unbooked += 1 }
      }
    }
  }

  /// Whether all others count as gone what one has spent and reserved. Once its slice has lapsed another round may go on
  /// with its row.
  private func isOnTheBooks(_ index: Int, at now: Double) -> Bool {
    let (sharer, member) = (sharers[index], member(index))
    var pool = allowance.pool
    let time = pool.time(of: databaseClock(at: now))
    guard sharer.budget != nil, pool.holders[member.session]?.lapses ?? 0 > time else { return true }
    return sharer.spent + sharer.reserved <= allowance.committed(by: member) + 1e-9
  }

  /// What the database's clock shows.
  private func databaseClock(at now: Double) -> Double {
    clockBack.map { now < $0.at ? now : now - $0.by } ?? now
  }

  private mutating func advance(_ index: Int, at now: Double) {
    // What is on its way gets there, whatever has become of the sender.
    if let claim = sharers[index].claim, claim.arrives <= now { carryOut(claim.ask, of: index, at: now) }
    if now < sharers[index].awayUntil { return }
    if sharers[index].isDead { restart(index) }
    if hasFaults, random.chance(0.000_5) { return kill(index, at: now) }
    if hasFaults, random.chance(0.000_5) {
      stands += 1
      sharers[index].awayUntil = now + Double.random(in: 0.5...5, using: &random)
      return
    }
    let clock = sharers[index].clock(at: now)
    if let answer = sharers[index].answer, answer.arrives <= now {
      sharers[index].share.granted(answer.grant, at: clock)
      sharers[index].answer = nil
    }
    for request in sharers[index].inFlight where request.ends <= now {
      sharers[index].reserved -= request.cost
      sharers[index].spent += request.bill
      sharers[index].share.took(moreTokens: sharers[index].tokens * (billedPerToken - 1))
    }
    sharers[index].inFlight.removeAll { $0.ends <= now }
    // After a time in which nobody has work, all have it at once.
    if hasFaults, now.truncatingRemainder(dividingBy: 100) > 70 { return }
    send(index, at: now)
  }

  /// Asks for more before it sends what it may, as a run does.
  private mutating func send(_ index: Int, at now: Double) {
    let clock = sharers[index].clock(at: now)
    let next = ShareAmount(requests: 1, tokens: sharers[index].tokens)
    let cost = next.tokens * Self.price
    while now >= sharers[index].nextSend, sharers[index].inFlight.count < concurrency {
      let share = sharers[index].share
      let committed = sharers[index].spent + sharers[index].reserved + cost
      let isAllowed = share.holds(next, committed: committed, at: clock)
      if !share.isAsking, clock >= share.nextAsk, !isAllowed || share.isLow(at: clock) {
        ask(for: next, of: index, at: now)
      }
      guard isAllowed else { break }
      sharers[index].share.sent(next)
      // Some requests fail, and cost nothing.
      let bill = hasFaults && random.chance(0.1) ? 0 : cost * 0.8
      sharers[index].inFlight.append((now + Double.random(in: latency, using: &random), cost, bill))
      sharers[index].reserved += cost
      sharers[index].nextSend = now + sharers[index].pause
      sent.append(Sent(time: now, tokens: next.tokens * billedPerToken))
      billed += bill
    }
    if !sharers[index].share.isAsking, sharers[index].share.mustTell(holdUntil: .zero, at: clock) {
      ask(for: ShareAmount(), of: index, at: now)
    }
  }

  private mutating func ask(for next: ShareAmount, of index: Int, at now: Double) {
    let cost = next.tokens * Self.price
    let committed = sharers[index].spent + sharers[index].reserved + cost
    var ask = ShareAsk()
    ask.next = next
    ask.limits = limits
    ask.dollars.spent = sharers[index].spent
    ask.dollars.reserved = sharers[index].reserved
    ask.dollars.least = committed
    ask.dollars.wanted = committed + 7 * cost
    ask.dollars.budget = sharers[index].budget
    claims += 1
    sharers[index].share.ask(&ask, at: sharers[index].clock(at: now))
    sharers[index].claim = (now + Double.random(in: 0...0.02, using: &random), ask)
  }

  private mutating func carryOut(_ ask: ShareAsk, of index: Int, at now: Double) {
    let reading = allowance.read(for: member(index), at: databaseClock(at: now))
    let (grant, change) = reading.claim(ask, by: member(index))
    _ = allowance.write(change, over: allowance.version)
    if hasFaults, random.chance(index == 0 ? 0.03 : lostAnswer) {
      // The answer is lost, and the same is claimed again.
      lostAnswers += 1
      sharers[index].claim = (now + Double.random(in: 0.1...3, using: &random), ask)
      return
    }
    sharers[index].claim = nil
    if !sharers[index].isDead { sharers[index].answer = (now + Double.random(in: 0...0.02, using: &random), grant) }
  }

  private func member(_ index: Int) -> ShareMember {
    ShareMember(
      pool: "p", participant: "\(index / copies)", session: "\(index)/\(sharers[index].session)", job: "j", process: "h"
    )
  }

  private mutating func kill(_ index: Int, at now: Double) {
    kills += 1
    sharers[index].isDead = true
    sharers[index].awayUntil = now + Double.random(in: 0.2...6, using: &random)
    sharers[index].answer = nil
  }

  /// Its ledger may be lost or an old one: it tells what it spends from now on.
  private mutating func restart(_ index: Int) {
    sharers[index].isDead = false
    sharers[index].session += 1
    (sharers[index].spent, sharers[index].reserved) = (0, 0)
    sharers[index].inFlight = []
    sharers[index].share = HeldShare()
    sharers[index].claim = nil
  }

  /// The most requests and the most tokens that were sent in any 60 s.
  var most: ShareAmount {
    var (most, sum, first) = (ShareAmount(), ShareAmount(), 0)
    for entry in sent {
      sum.requests += 1
      sum.tokens += entry.tokens
      while sent[first].time <= entry.time - 60 {
        sum.requests -= 1
        sum.tokens -= sent[first].tokens
        first += 1
      }
      most.requests = max(most.requests, sum.requests)
      most.tokens = max(most.tokens, sum.tokens)
    }
    return most
  }

  /// The most that was sent beyond what a pool refills meanwhile, in any time, as a share of what it can hold: of the
  /// requests, and of the tokens.
  var fullest: (requests: Double, tokens: Double) {
    func fullest(_ limit: Int?, _ amount: (Sent) -> Double) -> Double {
      guard let rate = SharedRate(limit) else { return 0 }
      var (most, level, last) = (0.0, 0.0, 0.0)
      for entry in sent {
        level = max(0, level - rate.perSecond * (entry.time - last)) + amount(entry)
        (most, last) = (max(most, level), entry.time)
      }
      return most / rate.capacity
    }
    return (fullest(limits.requestsPerMinute) { _ in 1 }, fullest(limits.tokensPerMinute, \.tokens))
  }
}
