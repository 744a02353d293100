extension Conductor {
  /// Everything that can be begun now.
  mutating func advance(at now: Duration) -> [Action] {
    var actions: [Action] = []
    var wakeAt: Duration?
    func wake(at time: Duration?) {
      wakeAt = [wakeAt, time].compactMap(\.self).min()
    }
    if ending == nil {
      endSweeps()
      if hold == nil {
        actions += nextGathering()
        probe()
        endLocked(at: now)
        actions += endFull(at: now)
      }
    }
    if let hold {
      waiting = hold.waiting
    } else if ending == nil {
      let (requests, next) = nextRequests(at: now)
      actions += requests + nextClaims()
      wake(at: next)
      actions += nextRead()
    }
    actions += nextComparison()
    actions += nextWrite(at: now)
    if ending == nil {
      if !isHoldingWrites { wake(at: writes.nextRetry) }
    }
    actions += nextSettlement()
    if ending != nil {
      let (late, next) = cancelLate(at: now)
      actions += late
      wake(at: next)
    }
    if ending == nil, waiting == nil, requested.isEmpty { waiting = databaseWait }
    if ending != nil, gathering == .underWay {
      gathering = .ending
      actions.append(.cancelReading)
    }
    if let ending, isIdle {
      hasEnded = true
      return actions + [.end(judged(ending))]
    }
    return actions + (wakeAt.map { [.wake(at: $0)] } ?? [])
  }

  private mutating func nextRequests(at now: Duration) -> (actions: [Action], wakeAt: Duration?) {
    var actions: [Action] = []
    var wakeAt: Duration?
    waiting = nil
    planned.insert(contentsOf: retries.filter { $0.due <= now }, at: 0)
    retries.removeAll { $0.due <= now }
    // As long as nothing has been answered, the probe asks for all.
    let isProbeAlone = isProbing && !isolation.hasAnswer
    if isProbeAlone, let probe = planned.firstIndex(where: \.isProbe) { planned.swapAt(0, probe) }

    // Until the comparisons are done nothing is written, so they can't wait for the queue of writes.
    let isQueueFull = comparisons.isDone && (isWriteQueueLong || writes.isFull)
    while let next = planned.first, requested.count < window.limit, !isQueueFull {
      guard !isProbeAlone || next.isProbe else { break }
      guard tally.requests < policy.bounds.requests ?? .max else {
        actions += stop(.requests, at: now)
        break
      }
      guard maySendBesideOthers(next) else { break }
      let contents = next.batch.contents
      let isDivisible = !next.isAlone
      func divide() {
        planned.removeFirst()
        split(next, into: next.own.halvesByTokens())
      }
      if needsProof(next) {
        if let proving = proving(next) {
          planned[0] = proving
          continue
        }
        if isDivisible {
          divide()
          continue
        }
      }
      if isDivisible, isolation.isTooLarge(contents) || isAboveLimit(contents.tokenCount) {
        divide()
        continue
      }
      if let limit = limiter.configuredLimit(passedByOneOf: contents.tokenCount), !next.isProbe {
        planned.removeFirst()
        leaveOut(next, above: limit)
        continue
      }
      guard let wait = wait(for: contents, at: now) else { break }
      guard wait == .zero else {
        wakeAt = now + wait
        break
      }
      let most = job.model.cost(ofTokens: contents.mostTokens) ?? 0
      let reservation = spending.reservation(for: most)
      guard spending.fits(reservation), !isOverSharedBudget(reservation) else {
        waiting = .budget
        guard requested.isEmpty else { break }
        // Nothing in flight will free budget: send the part of it that the rest of the budget pays for.
        if isDivisible {
          divide()
          continue
        }
        end(.failed(overBudget(by: reservation)))
        break
      }
      let (isAllowed, shareWake) = shareAllows(contents, reservation, at: now)
      wakeAt = shareWake
      guard isAllowed else {
        waiting = .rate
        break
      }
      planned.removeFirst()
      actions.append(send(next, most: most, reservation: reservation, at: now))
    }
    tellOthers(at: now)
    if let retry = retries.map(\.due).min() {
      if requested.isEmpty, planned.isEmpty { waiting = breaker.isOpen ? .outage : .retry }
      wakeAt = min(wakeAt ?? retry, retry)
    }
    return (actions, wakeAt)
  }

  /// How long until the next request may be sent; nil where a request in flight has to end first, or where the provider
  /// asks for a longer wait than is allowed, which ends the run.
  private mutating func wait(for contents: Batch.Contents, at now: Duration) -> Duration? {
    if breaker.isOpen {
      waiting = .outage
      guard requested.isEmpty else { return nil }
      if breaker.nextProbe > now { return breaker.nextProbe - now }
    }
    let wait = limiter.wait(forTokens: contents.tokenCount, at: now)
    // A reply that is still to come may tell another limit.
    if wait > .zero, requested.isEmpty, let told = limiter.toldWait(forTokens: contents.tokenCount, at: now),
      told.time > max(policy.retry.maxOutage, Conductor.leastOutage)
    {
      end(.failed(told.failure(of: job.model.provider, maxOutage: policy.retry.maxOutage)))
      return nil
    }
    waiting = wait == .zero ? nil : limiter.heldUntil > now ? .hold : .rate
    return wait
  }

  /// Waits up to this long are allowed under any `--max-outage`.
  private static let leastOutage: Duration = .seconds(1)

  private mutating func send(_ next: Requested, most: Double, reservation: Double, at now: Duration) -> Action {
    var request = next
    request.most = most
    request.reservation = reservation
    request.reservedTokens = limiter.sent(tokens: next.batch.contents.tokenCount, at: now)
    request.sentAt = now
    share?.sent(ShareAmount(requests: 1, tokens: Double(request.reservedTokens)))
    spending.reserve(reservation)
    requested[next.batch.id] = request
    tally.requests += 1
    if next.attempt > 1 { tally.retries += 1 }
    return .request(
      next.batch, attempt: next.attempt, reservation: job.model.usdPerMillionTokens == nil ? nil : reservation)
  }

  /// What a failure names that ends a run by the job's own budget.
  package static let budgetSubject = "budget"

  private func overBudget(by cost: Double) -> Failure {
    let budget = spending.budget?.usd ?? 0
    let spent = max(spending.spent, spending.spentByRun + (share?.grant.others ?? 0))
    var reason =
      "the next request may cost up to \(max(cost, 0.000001).dollars), and \(spent.dollars) of \(budget.dollars) is spent"
      + (share == nil ? "" : " by all that share it")
    if let total = tally.total, tally.written > 0, let spent = tally.cost {
      let rest = Double(max(0, total - done)) * spent / Double(tally.written)
      reason += "; the rest would cost about \(rest.dollars)"
    }
    return Failure(.budget, Conductor.budgetSubject, reason, remedy: "raise the budget and run again to go on")
  }

  /// Whether so much waits for its first write that nothing more is asked for.
  private var isWriteQueueLong: Bool { writes.count >= 2 * job.concurrency }

  /// Whether nothing is under way that could be answered.
  var isOtherwiseIdle: Bool { requested.isEmpty && planned.isEmpty && retries.isEmpty && reading == nil }

  /// Asks for a harmless text that no row waits for: is the endpoint at fault, or are the inputs?
  private mutating func probe() {
    guard !isProbing, isolation.needsProbe(isIdle: isOtherwiseIdle) else { return }
    isProbing = true
    let harmless = Batch.Contents(inputs: [.harmless], rows: [])
    planned.insert(plan(harmless, source: 0, page: Batch.noPage, purpose: .probe), at: 0)
  }

  /// Sources are read in turns, only as far ahead as keeps the requests busy, and none before the spool is written (P2,
  /// P8).
  private mutating func nextRead() -> [Action] {
    guard ending == nil, reading == nil, !writes.isWritingSpool, comparisons.isDone, !isFull, gathering == .done,
      !leavesPages
    else { return [] }
    var ahead = [Int](repeating: 0, count: sources.count)
    for request in planned { ahead[request.batch.source] += 1 }
    let order = sources.indices.map { (turn + $0) % sources.count }
    // New rows come before edited ones, whose vectors serve meanwhile.
    let hasMissing = sources.contains { $0.rows == .missing && !$0.isComplete }
    let hungry = order.first { index in
      ahead[index] < job.concurrency && sources[index].next != nil && (sources[index].rows == .missing || !hasMissing)
    }
    guard let source = hungry, let next = sources[source].next else { return [] }
    reading = source
    turn = (source + 1) % sources.count
    var request = PageRequest(limit: job.pageLimit)
    request.mostTaken = mostTaken
    switch next {
    case .lastKey:
      return [.readLastKey(source: source)]
    case .page(let after, let through, let leavesOutBlank):
      (request.after, request.through, request.leavesOutBlank) = (after, through, leavesOutBlank)
      request.rows = sources[source].rows
    case .pageByColumn(let after):
      request.after = after
      request.isByColumn = true
    }
    return [.readPage(source: source, request, held: leftOut(of: source), equals: equals(for: source))]
  }

  private mutating func equals(for source: Int) -> EqualTexts? {
    guard job.duplicates == .table else { return nil }
    return EqualTexts(
      awaited: sources[source].awaitedTexts, mayDefer: sources[source].mayDefer, copies: nextBatchID())
  }

  /// The rows that no page may take: they are paid for and wait, or their quarantine isn't durable yet.
  private func leftOut(of source: Int) -> Set<RowKey> {
    var keys = writes.heldKeys(of: source)
    for row in condemned + (settling?.condemned ?? []) where row.source == source { keys.insert(row.key) }
    return keys
  }

  /// What the run waits for in the database while no request is in flight.
  private var databaseWait: Waiting? {
    if isLocked { return .locks }
    if writes.isWriting { return .writing }
    if gathering == .underWay { return .batch }
    return reading == nil ? nil : .reading
  }

  private mutating func nextComparison() -> [Action] {
    defer { unrecorded = [] }
    return comparisons.next().map { .compare($0) } + unrecorded.map { .prove(source: $0) }
  }

  private mutating func nextWrite(at now: Duration) -> [Action] {
    guard !isHoldingWrites else { return [] }
    var actions: [Action] = []
    // Copied vectors need no answer first: none will come if nothing is left to ask, or if the write queue is so long that
    // nothing is asked.
    let isQuiet = isOtherwiseIdle || requested.isEmpty && isWriteQueueLong
    let isReady = isolation.hasAnswer || writes.hasNew && isQuiet || writes.hasFromBatch
    if preparation == .needed, ending == nil, isReady, comparisons.isDone {
      preparation = .underWay
      actions.append(.prepareWriting)
    }
    while canWrite, comparisons.isDone,
      let write = writes.next(onlySpooled: preparation != .done, retries: ending == nil, at: now)
    {
      actions.append(.write(write))
    }
    return actions
  }

  private mutating func nextSettlement() -> [Action] {
    guard settling == nil else { return [] }
    for batch in ended { if let page = batch.page { sources[batch.source].ended(page: page) } }
    var settlement = Settlement()
    settlement.batches = ended.map(\.id)
    settlement.condemned = condemned
    for source in sources.indices {
      if let key = sources[source].movedWatermark() {
        settlement.watermarks.append(Settlement.MovedWatermark(source: source, key: key))
      }
    }
    guard !ended.isEmpty || !condemned.isEmpty || !settlement.watermarks.isEmpty else { return [] }
    settlement.tally = tally
    settling = settlement
    settlingSources = Set(ended.map(\.source) + condemned.map(\.source))
    ended = []
    condemned = []
    return [.settle(settlement)]
  }

  private var isHoldingWrites: Bool { hold?.stopsWriting == true }

  private var isIdle: Bool {
    requested.isEmpty && reading == nil && gathering != .ending && !writes.isWriting && settling == nil && ended.isEmpty
      && condemned.isEmpty && preparation != .underWay && !comparisons.isUnderWay
      && (writes.count == 0 || !canWrite || isHoldingWrites || preparation == .needed || !comparisons.isDone)
  }
}
