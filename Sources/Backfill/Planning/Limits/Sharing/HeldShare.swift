/// What one process holds of its pool, as the process itself sees it.
///
/// A slice lapses by the process's own clock, counted from before it was asked for. So one that stood still for a while
/// finds it lapsed, and never later than the database does.
package struct HeldShare: Equatable, Sendable {
  private var sent = ShareAmount()
  /// How many tokens the replies since the last claim have shown to be used beyond what was expected; below zero for fewer.
  private var more = 0.0
  package private(set) var grant = ShareGrant()
  /// When the slice lapses.
  package private(set) var lapses: Duration = .zero
  /// When the next claim makes sense.
  package private(set) var nextAsk: Duration = .zero
  /// When the claim that is under way was made, and up to where spending may go until it is answered.
  private var asked: Asked?
  /// The last request that was sent and that the pool doesn't know of yet. Until it knows, it refills nothing in its place.
  private var untold: ShareAmount?
  /// Until when the provider asked to wait, as the pool was told last.
  private var toldHold: Duration = .zero

  private struct Asked: Equatable {
    let at: Duration
    let kept: Double
    let least: Double
  }

  /// How long to wait for money that others may give back.
  private static let patience: Duration = .milliseconds(250)
  /// What sums of dollars may differ by.
  private static let rounding = 1e-9

  package init() {}

  package var isAsking: Bool { asked != nil }

  /// What is used up of what was given.
  package var used: ShareAmount { ShareAmount(requests: sent.requests, tokens: sent.tokens + max(0, more)) }

  /// Up to where spending may go just now.
  var committed: Double { asked.map { min($0.kept, grant.committed) } ?? grant.committed }

  /// Whether one request takes more than a pool gives at a time without making all others wait.
  func isPassed(byOneOf tokens: Double) -> Bool {
    SharedRate(grant.limits.tokensPerMinute).map { tokens > $0.most } ?? false
  }

  /// Whether a request may be sent now after which `committed` dollars are spent or reserved.
  package func holds(_ next: ShareAmount, committed dollars: Double, at now: Duration) -> Bool {
    now < lapses && dollars <= committed + Self.rounding && hasRoom(for: next)
  }

  private func hasRoom(for next: ShareAmount) -> Bool {
    used.requests + next.requests <= (grant.requests ?? .infinity) + 1e-6
      && used.tokens + next.tokens <= (grant.tokens ?? .infinity) + 1e-6
  }

  /// Whether so little is left that more is asked for before it is gone.
  func isLow(at now: Duration) -> Bool {
    let requests = grant.requests.map { $0 - used.requests < grant.slice.requests / 2 } ?? false
    let tokens = grant.tokens.map { $0 - used.tokens < grant.slice.tokens / 2 } ?? false
    return requests || tokens || lapses - now < .seconds(SharedPool.lifetime / 2)
  }

  /// Whether money that others have may come back, and be enough for `cost` on top of `own`.
  func isSpent(for cost: Double, on own: Double, budget: Double?) -> Bool {
    guard let budget, asked == nil, own + cost > committed + Self.rounding else { return false }
    // As `committed(besides:)` has it: what that never gives is not waited for.
    return budget - (grant.others - grant.mayReturn) < own + cost
  }

  /// Whether the pool must be told something now, since all others wait for it: that the provider asked to wait until
  /// `time`, or that a slice was sent up to where it has no room for another request like the last one.
  func mustTell(holdUntil time: Duration, at now: Duration) -> Bool {
    untold.map { !hasRoom(for: $0) } ?? false || time > now && time > toldHold
  }

  package mutating func sent(_ amount: ShareAmount) {
    sent = sent.with(amount, +)
    untold = amount
  }

  /// A reply shows that its request took so many tokens more than were expected, or fewer. Those of the replies between
  /// two claims make up for one another; fewer in all are not given back.
  package mutating func took(moreTokens count: Double) { more += count }

  /// The claim is made at `now`. `ask` gets what is known here.
  package mutating func ask(_ ask: inout ShareAsk, holdUntil: Duration = .zero, at now: Duration) {
    sent = used
    more = 0
    ask.used = sent
    untold = nil
    ask.heldFor = max(.zero, holdUntil - now)
    if ask.heldFor > .zero { toldHold = holdUntil }
    // Money that isn't enough for the next request is given back: otherwise two processes could each hold what the other
    // needs. What `holds` lets pass is enough.
    let own = ask.dollars.spent + ask.dollars.reserved
    let lacksMoney = ask.dollars.least > grant.committed + Self.rounding
    ask.dollars.kept = lacksMoney ? own : max(own, min(grant.committed, ask.dollars.wanted))
    asked = Asked(at: now, kept: ask.dollars.kept, least: ask.dollars.least)
  }

  package mutating func granted(_ grant: ShareGrant, at now: Duration) {
    guard let asked else { return }
    self.asked = nil
    self.grant = grant
    lapses = asked.at + .seconds(SharedPool.lifetime)
    let lacksMoney = grant.committed + Self.rounding < asked.least
    nextAsk = now + (lacksMoney ? max(grant.retryAfter, Self.patience) : grant.retryAfter)
  }
}
