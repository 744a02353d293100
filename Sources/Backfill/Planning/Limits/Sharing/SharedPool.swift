/// What all processes that call one model of one provider share, as one row of the database keeps it.
///
/// It is changed by one process after another. Times are seconds of the database's clock: those of the hosts may differ.
package struct SharedPool: Equatable, Sendable, Codable {
  /// A slice lapses after so many seconds. What a process that died, or stands still, held is not given out again: the
  /// pool goes on being refilled.
  package static let lifetime = 2.0
  /// The limits that a process has told hold for so many seconds after it was last seen.
  static let memory = 60.0
  /// Nobody is sent away for longer, since a process that ends may make room.
  private static let longestWait = 0.5
  private static let shortestWait = 0.01

  /// A round of a process that sends.
  package struct Holder: Equatable, Sendable, Codable {
    /// Whom a person sees: the job, the host and the process's id.
    package let job: String
    package let process: String
    package var used = ShareAmount()
    package var given = ShareAmount()
    package var lapses = 0.0
    package var seen = 0.0
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    /// Since when it waits for what it could not have, and how much that is.
    var waitsSince: Double?
    var waitsFor = ShareAmount()

    /// What it has used beyond what it was given, since the provider counts more tokens than were expected: at most a minute
    /// of each limit, and nothing where there is none.
    func excess(under limits: Job.Limits) -> ShareAmount {
      func beyond(_ limit: Int?, _ amount: KeyPath<ShareAmount, Double>) -> Double {
        limit.map { min(max(0, used[keyPath: amount] - given[keyPath: amount]), Double($0)) } ?? 0
      }
      return ShareAmount(
        requests: beyond(limits.requestsPerMinute, \.requests), tokens: beyond(limits.tokensPerMinute, \.tokens))
    }

    /// As it is by a clock that was put back.
    package func moved(backBy seconds: Double) -> Holder {
      var moved = self
      moved.lapses -= seconds
      moved.seen -= seconds
      moved.waitsSince = waitsSince.map { $0 - seconds }
      return moved
    }

    /// What it may still send.
    package func left(at now: Double) -> ShareAmount {
      lapses > now ? given.with(used) { max(0, $0 - $1) } : ShareAmount()
    }
  }

  package var level = ShareAmount()
  package var refilledAt: Double
  package var heldUntil = 0.0
  /// By their sessions.
  package var holders: [String: Holder] = [:]

  /// A pool that is new at `now`, with nothing ready: who knows what was sent a moment ago.
  package init(at now: Double) {
    refilledAt = now
  }

  /// The limits a minute: of those that the processes have told lately, the lowest.
  package var limits: Job.Limits {
    Job.Limits(
      requestsPerMinute: holders.values.compactMap(\.requestsPerMinute).min(),
      tokensPerMinute: holders.values.compactMap(\.tokensPerMinute).min())
  }

  /// Gives a slice, or a part of one, to the process `member`.
  package mutating func claim(_ ask: ShareAsk, by member: ShareMember, at clock: Double) -> ShareGrant {
    let now = time(of: clock)
    let id = member.session
    let held = held(at: refilledAt)
    holders = holders.filter { $0.value.seen > now - Self.memory }
    var holder = holders[id] ?? Holder(job: member.job, process: member.process)
    holder.used = holder.used.with(ask.used, max)
    // One that is new here, or was forgotten, has had what it has used.
    let excess = holders[id] == nil ? ShareAmount() : holder.excess(under: limits)
    holder.given = holder.lapses > now ? holder.given.with(holder.used, max) : holder.used
    holder.seen = now
    holder.requestsPerMinute = ask.limits.requestsPerMinute
    holder.tokensPerMinute = ask.limits.tokensPerMinute
    holders[id] = holder
    if ask.heldFor > .zero { heldUntil = max(heldUntil, now + ask.heldFor / .seconds(1)) }
    refill(at: now, besides: held)
    level = level.with(excess, -)
    let grant = give(to: &holder, id, ask, at: now)
    holders[id] = holder
    return grant
  }

  /// A process ends: what it has not used goes back.
  package mutating func release(_ used: ShareAmount, by member: ShareMember, at clock: Double) {
    let now = time(of: clock)
    guard var holder = holders[member.session] else { return }
    refill(at: now, besides: held(at: refilledAt))
    holder.used = holder.used.with(used, max)
    level = level.with(holder.left(at: now), +).with(holder.excess(under: limits), -)
    holders[member.session] = nil
  }

  /// The pool's time when the database's clock shows `clock`. If the clock was put back by up to 2 s, the time stands still
  /// until the clock has caught up. If it was put back by more, all times of the pool move back with it, as if no time had
  /// passed since the last claim.
  package mutating func time(of clock: Double) -> Double {
    guard clock < refilledAt - Self.lifetime else { return max(clock, refilledAt) }
    let seconds = refilledAt - clock
    refilledAt = clock
    heldUntil -= seconds
    holders = holders.mapValues { $0.moved(backBy: seconds) }
    return clock
  }

  /// What all may still send, as far as they have told.
  private func held(at now: Double) -> ShareAmount {
    holders.values.reduce(ShareAmount()) { $0.with($1.left(at: now), +) }
  }

  /// - Parameter held: what was held since the last refill. It may have been sent just now. Nothing is refilled for it yet.
  ///   Where the limit has fallen meanwhile, all wait for at most a minute of the new one.
  private mutating func refill(at now: Double, besides held: ShareAmount) {
    let time = now - refilledAt
    refilledAt = now
    let limits = limits
    func refilled(_ rate: SharedRate?, _ amount: KeyPath<ShareAmount, Double>) -> Double {
      let level = level[keyPath: amount]
      guard let rate else { return level }
      let most = max(rate.capacity - held[keyPath: amount], min(level, -rate.limit))
      return min(level + rate.perSecond * time, most)
    }
    level = ShareAmount(
      requests: refilled(SharedRate(limits.requestsPerMinute), \.requests),
      tokens: refilled(SharedRate(limits.tokensPerMinute), \.tokens))
  }

  /// Those who wait or hold a slice, the one with the id `id` among them.
  private func live(with id: String, at now: Double) -> Int {
    holders.count { $0.key == id || $0.value.seen > now - Self.lifetime }
  }

  private mutating func give(
    to holder: inout Holder, _ id: String, _ ask: ShareAsk, at now: Double
  ) -> ShareGrant {
    let limits = limits
    let rates = (requests: SharedRate(limits.requestsPerMinute), tokens: SharedRate(limits.tokensPerMinute))
    let left = holder.left(at: now)
    let count = Double(live(with: id, at: now))
    let earlier = holders.filter { other in
      guard other.key != id, let since = other.value.waitsSince, other.value.seen > now - Self.lifetime else {
        return false
      }
      return (since, other.key) < (holder.waitsSince ?? now, id)
    }.values.map(\.waitsFor)
    var requests = SharedPortion(
      rates.requests, level: level.requests, left: left.requests, next: ask.next.requests, sharers: count,
      awaited: earlier.map(\.requests))
    var tokens = SharedPortion(
      rates.tokens, level: level.tokens, left: left.tokens, next: ask.next.tokens, sharers: count,
      awaited: earlier.map(\.tokens))
    let isWaiting = heldUntil > now || requests.wait > 0 || tokens.wait > 0
    if isWaiting {
      holder.waitsSince = holder.waitsSince ?? now
      holder.waitsFor = ask.next
      (requests.given, tokens.given) = (0, 0)
    } else {
      holder.waitsSince = nil
      holder.given.requests += requests.given
      holder.given.tokens += tokens.given
      level = ShareAmount(requests: level.requests - requests.charge, tokens: level.tokens - tokens.charge)
    }
    holder.lapses = now + Self.lifetime
    var grant = ShareGrant()
    grant.requests = rates.requests.map { _ in holder.given.requests }
    grant.tokens = rates.tokens.map { _ in holder.given.tokens }
    grant.slice = ShareAmount(requests: requests.slice, tokens: tokens.slice)
    grant.limits = limits
    let wait = isWaiting ? max(requests.wait, tokens.wait) : max(requests.pause, tokens.pause)
    grant.retryAfter = .seconds(
      heldUntil > now
        ? min(heldUntil - now, Self.memory / 2) : wait > 0 ? min(max(wait, Self.shortestWait), Self.longestWait) : 0)
    return grant
  }
}
