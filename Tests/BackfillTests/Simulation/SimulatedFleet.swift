import TestSupport

@testable import Backfill

/// Whole runs of several jobs that share one limit and one budget, from a seed: each with a ledger, tables and a host's
/// clock of its own, in one time. They are killed, stand still, lose answers and ledgers, and write to the pool too late.
struct SimulatedFleet {
  struct Faults {
    /// Chances a step.
    var kill = 0.0
    var stand = 0.0
    /// The share of claims whose answer is lost.
    var lostAnswer = 0.0
    /// The share of writes to the pool that are on their way for up to 3 s.
    var slowWrite = 0.0
    /// Whether every two jobs have copies of one ledger.
    var copiedLedgers = false
  }

  struct Member {
    var world: SimulatedWorld
    /// By how much the host's clock is ahead of the database's, and how many of its seconds one second has.
    let ahead: Duration
    let pace: Double
    var session = 0
    /// A ledger that was lost has a successor with another name.
    var ledger = 0
    /// Until when it stands still.
    var awayUntil: Duration = .zero
    var isDead = false
    var ending: Ending?

    func clock(at time: Duration) -> Duration { ahead + time * pace }
    func time(at clock: Duration) -> Duration { (clock - ahead) / pace }
  }

  struct Claim {
    let member: Int
    let session: ShareMember
    let ask: ShareAsk
  }

  private enum Pending {
    case read(Claim)
    case decide(Claim, ShareReading, version: Int)
    case write(Claim, ShareReading.Change, version: Int, ShareGrant)
    case restart(Int)
  }

  struct Sent {
    let time: Duration
    let tokens: Int
  }

  let limits: Job.Limits
  let budget: Job.Budget?
  let faults: Faults
  private var random: SeededGenerator
  private(set) var members: [Member]
  private(set) var allowance: SimulatedAllowance
  private var queue = SimulatedQueue<Pending>()
  private(set) var now: Duration = .zero
  /// What the provider has counted, in its order.
  private(set) var sent: [Sent] = []
  private(set) var claims = 0
  private(set) var (kills, stands, lostAnswers, lateWrites) = (0, 0, 0, 0)

  /// The database's clock as the simulation begins, in seconds.
  private static let epoch = 1_000.0
  private static let mostRuns = 1_000

  init(worlds: [SimulatedWorld], limits: Job.Limits, budget: Job.Budget?, faults: Faults, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    self.limits = limits
    self.budget = budget
    self.faults = faults
    members = worlds.map { world in
      var world = world
      world.isSharing = true
      return Member(
        world: world, ahead: .milliseconds(Int.random(in: 0...1_000_000, using: &random)),
        pace: Double.random(in: 0.9999...1.0001, using: &random))
    }
    allowance = SimulatedAllowance(at: Self.epoch)
    self.random = random
    for index in members.indices {
      queue.add(.restart(index), at: .milliseconds(Int.random(in: 0...3_000, using: &self.random)))
    }
  }

  /// Runs until each has ended with all of its rows done, or with the budget used up.
  mutating func run() {
    while let step = next() {
      now = max(now, step.time)
      if let index = step.member { advance(index) } else if let pending = queue.next()?.pending { carryOut(pending) }
      if members.contains(where: { !$0.world.violations.isEmpty }) { return }
    }
  }

  /// What comes next: a step of a member, or of what is on its way; nil where nothing is left.
  private func next() -> (time: Duration, member: Int?)? {
    var next: (time: Duration, member: Int?)?
    if let time = queue.nextTime { next = (time, nil) }
    for (index, member) in members.enumerated() where !member.isDead && member.ending == nil && member.session > 0 {
      guard let clock = member.world.queue.nextTime else { continue }
      let time = max(member.time(at: clock), member.awayUntil)
      if time < next?.time ?? .seconds(1 << 40) { next = (time, index) }
    }
    return next
  }

  private mutating func advance(_ index: Int) {
    if random.chance(faults.stand) {
      stands += 1
      let isLong = random.chance(0.1)
      members[index].awayUntil =
        now + .milliseconds(Int.random(in: isLong ? 60_000...70_000 : 500...5_000, using: &random))
      return
    }
    if random.chance(faults.kill) { return kill(index) }
    let step = members[index].world.step(at: members[index].clock(at: now))
    for ask in members[index].world.asks { claim(ask, of: index) }
    members[index].world.asks = []
    expectOnTheBooks(index)
    for tokens in members[index].world.sentTokens { arrive(tokens) }
    members[index].world.sentTokens = []
    switch step {
    case .going: break
    case .died: kill(index)
    case .ended(let ending): ended(index, by: ending)
    }
  }

  /// Who sends has a slice that the database counts as held. As long as one has a slice, all others count as gone what it
  /// has spent and reserved; afterwards another round may go on with its row.
  private mutating func expectOnTheBooks(_ index: Int) {
    let (member, world) = (member(index), members[index].world)
    let lapses = allowance.pool.holders[member.session]?.lapses ?? 0
    // A host's clock may be slower than the database's.
    if !world.sentTokens.isEmpty, lapses + 0.001 < clock {
      members[index].world.violations.append("a request was sent by a slice that has lapsed")
    }
    guard lapses >= clock else { return }
    let committed = world.conductor?.spending.committedByRun ?? 0
    if budget != nil, committed > allowance.committed(by: member) + 1e-9 {
      members[index].world.violations.append(
        "\(committed) dollars are out, and others know of \(allowance.committed(by: member))")
    }
  }

  /// What was sent reaches the provider a little later.
  private mutating func arrive(_ tokens: Int) {
    let time = now + .milliseconds(Int.random(in: 0...150, using: &random))
    let index = (sent.lastIndex { $0.time <= time } ?? -1) + 1
    sent.insert(Sent(time: time, tokens: tokens), at: index)
  }

  private mutating func kill(_ index: Int) {
    kills += 1
    members[index].isDead = true
    queue.add(.restart(index), at: now + .milliseconds(Int.random(in: 200...6_000, using: &random)))
  }

  private mutating func ended(_ index: Int, by ending: Ending) {
    if let returned = members[index].world.conductor?.returned, !random.chance(faults.lostAnswer) {
      allowance.release(returned.used, spent: returned.spent, by: member(index), at: clock)
    }
    if ending.exitCode == .complete || ending.exitCode == .budget {
      members[index].ending = ending
    } else {
      members[index].isDead = true
      queue.add(.restart(index), at: now + .milliseconds(Int.random(in: 200...6_000, using: &random)))
    }
  }

  private mutating func restart(_ index: Int) {
    guard members[index].world.runs < Self.mostRuns else {
      members[index].world.violations.append("no run is complete")
      return
    }
    if members[index].world.runs > Self.mostRuns / 2 { members[index].world.calm() }
    let losses = members[index].world.lostLedgers
    members[index].world.now = members[index].clock(at: now)
    members[index].world.begin(budget: budget)
    members[index].isDead = false
    members[index].awayUntil = .zero
    members[index].session += 1
    if members[index].world.lostLedgers > losses { members[index].ledger += 1 }
  }

  // MARK: The pool

  private var clock: Double { Self.epoch + now / .seconds(1) }

  private func member(_ index: Int) -> ShareMember {
    ShareMember(
      pool: "p", participant: "\(faults.copiedLedgers ? index / 2 : index)/\(members[index].ledger)",
      session: "\(index)/\(members[index].session)", job: "j", process: "h")
  }

  private mutating func claim(_ ask: ShareAsk, of index: Int) {
    claims += 1
    queue.add(.read(Claim(member: index, session: member(index), ask: ask)), at: now + hop())
  }

  private mutating func hop() -> Duration { .milliseconds(Int.random(in: 0...10, using: &random)) }

  /// Whether the process that made a claim still lives and moves; one that stands still goes on with `pending` later.
  private mutating func goesOn(_ claim: Claim, with pending: Pending) -> Bool {
    let member = members[claim.member]
    guard !member.isDead, member.ending == nil, self.member(claim.member) == claim.session else { return false }
    guard member.awayUntil <= now else {
      queue.add(pending, at: member.awayUntil)
      return false
    }
    return true
  }

  private mutating func carryOut(_ pending: Pending) {
    switch pending {
    case .restart(let index): restart(index)
    case .read(let claim):
      guard goesOn(claim, with: pending) else { return }
      let reading = allowance.read(for: claim.session, at: clock)
      queue.add(.decide(claim, reading, version: allowance.version), at: now + hop())
    case .decide(let claim, let reading, let version):
      guard goesOn(claim, with: pending) else { return }
      let (grant, change) = reading.claim(claim.ask, by: claim.session)
      let isSlow = random.chance(faults.slowWrite)
      if isSlow { lateWrites += 1 }
      queue.add(
        .write(claim, change, version: version, grant),
        at: now + (isSlow ? .milliseconds(Int.random(in: 500...3_000, using: &random)) : hop()))
    case .write(let claim, let change, let version, let grant):
      // It gets there, whatever has become of the sender.
      let isWritten = allowance.write(change, over: version)
      if isWritten, !random.chance(faults.lostAnswer) { return answer(claim, grant) }
      if isWritten { lostAnswers += 1 }
      let wait = isWritten ? Int.random(in: 100...3_000, using: &random) : Int.random(in: 0...10, using: &random)
      queue.add(.read(claim), at: now + .milliseconds(wait))
    }
  }

  private mutating func answer(_ claim: Claim, _ grant: ShareGrant) {
    let member = members[claim.member]
    guard !member.isDead, member.ending == nil, self.member(claim.member) == claim.session else { return }
    members[claim.member].world.queue.add(.event(.granted(grant)), at: member.clock(at: now + hop()))
  }

  // MARK: What came of it

  /// The most requests and the most tokens that the provider has counted in any 60 s.
  var most: (requests: Int, tokens: Int) {
    var (most, tokens, first) = ((requests: 0, tokens: 0), 0, 0)
    for (index, entry) in sent.enumerated() {
      tokens += entry.tokens
      while sent[first].time <= entry.time - .seconds(60) {
        tokens -= sent[first].tokens
        first += 1
      }
      most = (max(most.requests, index - first + 1), max(most.tokens, tokens))
    }
    return most
  }

  var billed: Double { members.reduce(0) { $0 + $1.world.billedDollars } }
}
