/// A limit and a budget that other processes use too.
extension Conductor {
  /// Whether one request of so many tokens is more than the limits, or those who share them, have room for.
  func isAboveLimit(_ tokens: Int) -> Bool {
    limiter.isPassed(byOneOf: tokens) || share?.isPassed(byOneOf: Double(limiter.expected(tokens))) == true
  }

  /// Whether a request that the budget has no room for can have it by nothing that others give back.
  func isOverSharedBudget(_ reservation: Double) -> Bool {
    share?.isSpent(for: reservation, on: spending.committedByRun, budget: spending.budget?.usd) ?? false
  }

  /// Whether the next request may be sent as far as others are concerned; otherwise when to look again. Asks for more of
  /// what is shared where that is needed.
  mutating func shareAllows(
    _ contents: Batch.Contents, _ reservation: Double, at now: Duration
  ) -> (isAllowed: Bool, wakeAt: Duration?) {
    guard let share else { return (true, nil) }
    let next = ShareAmount(requests: 1, tokens: Double(limiter.expected(contents.tokenCount)))
    let isAllowed = share.holds(next, committed: spending.committedByRun + reservation, at: now)
    if share.isAsking { return (isAllowed, nil) }
    let hasMoney = share.committed - spending.committedByRun >= reservation * Double(job.concurrency) / 2
    guard !isAllowed || share.isLow(at: now) || !hasMoney else { return (true, nil) }
    guard now >= share.nextAsk else { return (isAllowed, share.nextAsk) }
    ask(for: next, reservation, at: now)
    return (isAllowed, nil)
  }

  /// Whether `request` may be sent beside those in flight. Where tokens are estimated, the first reply may tell how far the
  /// provider's count is from that: until then all who share could send too much at once.
  func maySendBesideOthers(_ request: Requested) -> Bool {
    share == nil || requested.isEmpty || request.isProbe || request.batch.contents.isExact || tally.estimatedTokens > 0
  }

  /// Tells the pool at once what all others wait for.
  mutating func tellOthers(at now: Duration) {
    guard let share, !share.isAsking, share.mustTell(holdUntil: limiter.heldUntil, at: now) else { return }
    ask(for: ShareAmount(), 0, at: now)
  }

  private mutating func ask(for next: ShareAmount, _ reservation: Double, at now: Duration) {
    var ask = ShareAsk()
    ask.next = next
    ask.limits = limiter.pacedLimits
    ask.dollars.spent = spending.spentByRun
    ask.dollars.reserved = spending.reserved
    ask.dollars.least = spending.committedByRun + reservation
    ask.dollars.wanted = spending.committedByRun + reservation * Double(job.concurrency)
    ask.dollars.budget = spending.budget?.usd
    share?.ask(&ask, holdUntil: limiter.heldUntil, at: now)
    asks.append(ask)
  }

  /// The claims that are to be made now.
  mutating func nextClaims() -> [Action] {
    defer { asks = [] }
    return asks.map { .claim($0) }
  }

  /// A request was held up until its slice had lapsed, and was not sent.
  mutating func lapsed(_ id: BatchID) {
    guard let request = withdraw(id), ending == nil else { return }
    planned.insert(request, at: 0)
  }

  /// When the slice lapses by which what is sent now is sent; nil where nothing is shared.
  package var sliceLapses: Duration? { share?.lapses }

  /// What this run has used and spent in all, for the rest to go back to the pool at the end; nil where nothing is shared.
  /// What is still under way may have been paid.
  package var returned: (used: ShareAmount, spent: Double)? { share.map { ($0.used, spending.committedByRun) } }
}
