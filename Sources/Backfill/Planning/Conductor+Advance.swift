extension Conductor {
  /// Everything that can be begun now.
  mutating func advance(at now: Duration) -> [Action] {
    var actions: [Action] = []
    if ending == nil, sweep.isExhausted, isDrained { endSweep() }
    if ending == nil {
      var wakeAt: Duration?
      actions += nextRequests(at: now, wakeAt: &wakeAt)
      if let wakeAt { actions.append(.wake(at: wakeAt)) }
      actions += nextPage()
    } else if let graceEnds, !requested.isEmpty {
      actions += now >= graceEnds ? cancel() : [.wake(at: graceEnds)]
    }
    actions += nextWrite()
    actions += nextSettlement()
    if let ending, isIdle {
      hasEnded = true
      actions.append(.end(ending))
    }
    return actions
  }

  private mutating func nextRequests(at now: Duration, wakeAt: inout Duration?) -> [Action] {
    var actions: [Action] = []
    waiting = nil
    planned.insert(contentsOf: retries.filter { $0.due <= now }, at: 0)
    retries.removeAll { $0.due <= now }

    while let next = planned.first, requested.count < window.limit, unwritten.count < 2 * job.concurrency {
      let contents = next.batch.contents
      let isDivisible = contents.inputs.count > 1
      func divide() {
        planned.removeFirst()
        split(next, into: contents.halvesByTokens())
      }
      if isDivisible, refusedSizes.contains(contents) || limiter.isPassed(byOneOf: contents.tokenCount) {
        divide()
        continue
      }
      guard let wait = wait(for: contents, at: now) else { break }
      guard wait == .zero else {
        wakeAt = now + wait
        break
      }
      let reservation = spending.reservation(for: job.model.cost(ofTokens: contents.mostTokens) ?? 0)
      guard spending.fits(reservation) else {
        waiting = .budget
        guard requested.isEmpty else { break }
        // With nothing else to wait for, what is left of the budget is for as much of it as fits.
        if isDivisible {
          divide()
          continue
        }
        end(.failed(overBudget(by: reservation)))
        break
      }
      planned.removeFirst()
      actions.append(send(next, reservation: reservation, at: now))
    }
    if let retry = retries.map(\.due).min() {
      if requested.isEmpty, planned.isEmpty { waiting = breaker.isOpen ? .outage : .retry }
      wakeAt = min(wakeAt ?? retry, retry)
    }
    return actions
  }

  /// How long until the next request may be sent; nil where a request in flight has to end first.
  private mutating func wait(for contents: Batch.Contents, at now: Duration) -> Duration? {
    if breaker.isOpen {
      waiting = .outage
      guard requested.isEmpty else { return nil }
      if breaker.nextProbe > now { return breaker.nextProbe - now }
    }
    let wait = limiter.wait(forTokens: contents.tokenCount, at: now)
    waiting = wait == .zero ? nil : limiter.heldUntil > now ? .hold : .rate
    return wait
  }

  private mutating func send(_ next: Requested, reservation: Double, at now: Duration) -> Action {
    var request = next
    request.reservation = reservation
    request.reservedTokens = limiter.sent(tokens: next.batch.contents.tokenCount, at: now)
    request.sentAt = now
    spending.reserve(reservation)
    requested[next.batch.id] = request
    tally.requests += 1
    if next.attempt > 1 { tally.retries += 1 }
    return .request(
      next.batch, attempt: next.attempt, reservation: job.model.usdPerMillionTokens == nil ? nil : reservation)
  }

  private func overBudget(by cost: Double) -> Failure {
    let budget = job.budget?.usd ?? 0
    var reason =
      "the next request may cost up to $\(cost.rounded6), and $\(spending.spent.rounded6) of $\(budget) is spent"
    if let total = tally.total, tally.written > 0, let spent = tally.cost {
      let rest = Double(max(0, total - done)) * spent / Double(tally.written)
      reason += "; the rest would cost about $\(rest.rounded6)"
    }
    return Failure(.budget, "budget", reason, remedy: "raise the budget and run again to go on")
  }

  /// Pages are read only as far ahead as keeps the requests busy, and none before the spool is written (P2, P8).
  private mutating func nextPage() -> [Action] {
    guard ending == nil, !isReading, !sweep.isExhausted, planned.count < job.concurrency, !isWritingSpool else {
      return []
    }
    isReading = true
    return [.readPage(source: sweep.source, after: sweep.position)]
  }

  private mutating func endSweep() {
    if !suspects.isEmpty { return probe(page: pageCount) }
    barrenSweeps = sweep.taken > 0 && writtenInSweep == 0 ? barrenSweeps + 1 : 0
    if barrenSweeps == Conductor.mostBarrenSweeps { return end(.failed(unwritable(sweep.taken))) }
    writtenInSweep = 0
    watermark = Watermark()
    guard sweep.provesCompletion else {
      sweep = Sweep(source: sweep.source, start: nil)
      return
    }
    passedOver = (0, 0)
    tally.excluded += sweep.excluded
    quarantined += sweep.condemned
    tally.quarantined = quarantined
    if sweep.source + 1 < job.sources.count {
      sweep = Sweep(source: sweep.source + 1, start: watermarks[sweep.source + 1])
    } else {
      end(quarantined > policy.maxQuarantined ? .quarantined(rows: quarantined) : .complete)
    }
  }

  static let mostBarrenSweeps = 3

  private func unwritable(_ rows: Int) -> Failure {
    Failure(
      .badData, job.sources[sweep.source].name,
      "\(rows) rows were embedded \(Conductor.mostBarrenSweeps) times and took no vector",
      remedy: "look for a trigger or a rule that undoes the UPDATE, or for a writer that keeps changing the text")
  }

  private mutating func nextWrite() -> [Action] {
    guard canWrite, writing.isEmpty, let source = unwritten.first?.source else { return [] }
    writing = Array(unwritten.prefix { $0.source == source }.prefix(Conductor.mostBatchesPerWrite))
    unwritten.removeFirst(writing.count)
    return [.write(source: source, writing.map(\.id))]
  }

  /// A write is one short transaction (P9).
  static let mostBatchesPerWrite = 8

  private mutating func nextSettlement() -> [Action] {
    guard settling == 0 else { return [] }
    for batch in unsettled { if let page = batch.page { watermark.settled(page: page) } }
    let moved = watermark.advance().map { MovedWatermark(source: sweep.source, key: $0) }
    guard !unsettled.isEmpty || moved != nil else { return [] }
    defer { unsettled = [] }
    settling += 1
    return [.settle(unsettled.map(\.id), tally, watermark: moved)]
  }

  private var isWritingSpool: Bool {
    (unwritten + writing + unsettled).contains { $0.page == nil }
  }

  /// Nothing of the sweep is under way.
  private var isDrained: Bool {
    planned.isEmpty && retries.isEmpty && requested.isEmpty && unwritten.isEmpty && writing.isEmpty
      && unsettled.isEmpty && settling == 0
  }

  private var isIdle: Bool {
    requested.isEmpty && !isReading && writing.isEmpty && settling == 0 && unsettled.isEmpty
      && (unwritten.isEmpty || !canWrite)
  }
}

extension Double {
  fileprivate var rounded6: Double { (self * 1_000_000).rounded() / 1_000_000 }
}
