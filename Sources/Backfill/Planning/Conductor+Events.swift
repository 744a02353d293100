extension Conductor {
  mutating func read(_ page: PackedPage) {
    isReading = false
    sweep.read(page)
    passedOver.excluded = max(passedOver.excluded, sweep.excluded)
    passedOver.condemned = max(passedOver.condemned, sweep.condemned)
    guard let lastKey = page.lastKey else { return }
    pageCount += 1
    if sweep.start == watermarks[sweep.source] {
      watermark.opened(page: pageCount, lastKey: lastKey, batches: page.contents.count)
    }
    planned += page.contents.map { plan($0, source: sweep.source, page: pageCount) }
  }

  mutating func received(_ id: BatchID, _ receipt: Receipt, at now: Duration) -> [Action] {
    guard let request = requested.removeValue(forKey: id) else { return [] }
    let cost = job.model.cost(ofTokens: receipt.billedTokens)
    tally.billedTokens += receipt.billedTokens
    tally.estimatedTokens += request.batch.contents.tokenCount
    tally.cost = cost.map { ($0) + (tally.cost ?? 0) }
    spending.settle(reservation: request.reservation, cost: cost ?? 0)
    limiter.correct(reserved: request.batch.contents.tokenCount, actual: receipt.billedTokens, at: now)
    limiter.learn(receipt.rateLimits, configured: job.limits, at: now)
    unwritten.append(Unwritten(id: id, source: request.batch.source, page: request.batch.page))
    outageSince = nil
    hasAnswered = true
    defer { suspects = [] }
    return suspects.map { condemn($0.batch, $0.failure) }
  }

  mutating func failed(_ id: BatchID, _ failure: EmbeddingFailure, at now: Duration) -> [Action] {
    guard let request = requested.removeValue(forKey: id) else { return [] }
    let batch = request.batch
    spending.settle(
      reservation: request.reservation, cost: failure.mayHaveBeenBilled ? request.reservation : 0)
    if failure.mayHaveBeenBilled { tally.possiblyPaid += 1 }
    limiter.learn(failure.rateLimits, configured: job.limits, at: now)
    guard ending == nil else { return [] }

    switch failure.kind {
    case .transient, .unreachable:
      let since = outageSince ?? now
      outageSince = since
      if now - since >= policy.retry.maxOutage {
        end(.failed(failure.asFailure))
      } else {
        retry(request, after: failure.retryAfter, at: now)
      }
    case .rateLimited:
      let delay = policy.retry.delay(attempt: request.attempt, retryAfter: failure.retryAfter, using: &random)
      limiter.hold(until: now + delay)
      retry(request, after: delay, at: now)
    case .brokenReply:
      if request.attempt == 1 {
        retry(request, after: nil, at: now)
      } else {
        end(.failed(failure.asFailure))
      }
    case .tooLarge, .badInput:
      return refused(batch, failure)
    case .quotaExhausted, .denied, .misconfigured, .cancelled:
      end(.failed(failure.asFailure))
    }
    return []
  }

  /// Splits a refused batch until the bad input stands alone, and condemns that one if another was answered (P7).
  private mutating func refused(_ batch: Batch, _ failure: EmbeddingFailure) -> [Action] {
    let count = batch.contents.inputs.count
    guard !batch.contents.rows.isEmpty else {
      end(.failed(failure.asFailure))
      return []
    }
    guard count > 1 else {
      if hasAnswered { return [condemn(batch, failure)] }
      suspects.append((batch, failure))
      if suspects.count == Conductor.mostSuspects { probe(page: batch.page) }
      return []
    }
    let ranges: [Range<Int>] =
      if let bad = failure.badIndex, (0..<count).contains(bad) {
        [0..<bad, bad..<bad + 1, bad + 1..<count].filter { !$0.isEmpty }
      } else {
        [0..<count / 2, count / 2..<count]
      }
    for _ in 1..<ranges.count { watermark.split(page: batch.page) }
    planned.insert(
      contentsOf: ranges.map { plan(batch.contents.slice($0), source: batch.source, page: batch.page) }, at: 0)
    return []
  }

  /// Asks for a harmless text that no row waits for: is the endpoint at fault, or are the suspects?
  mutating func probe(page: Int) {
    let harmless = Batch.Contents(inputs: ["vecfill"], tokens: [3], rows: [])
    planned.insert(plan(harmless, source: sweep.source, page: page), at: 0)
    watermark.split(page: page)
  }

  static let mostSuspects = 3

  private mutating func condemn(_ batch: Batch, _ failure: EmbeddingFailure) -> Action {
    settling += 1
    tally.quarantined += batch.contents.rows.count
    watermark.settled(page: batch.page)
    return .condemn(batch, failure, tally)
  }

  private mutating func retry(_ request: Requested, after delay: Duration?, at now: Duration) {
    let delay = policy.retry.delay(attempt: request.attempt, retryAfter: delay, using: &random)
    retries.append(Retry(batch: request.batch, attempt: request.attempt + 1, due: now + delay))
  }

  mutating func written(_ ids: [BatchID], rows: Int, matched: Int) {
    tally.written += matched
    tally.changed += rows - matched
    writtenInSweep += matched
    tally.recovered += writing.contains { $0.page == nil } ? matched : 0
    unsettled += writing
    writing = []
  }

  mutating func stop(_ cause: StopCause, at now: Duration) -> [Action] {
    end(.stopped(cause))
    guard graceEnds == nil else { return cancel() }
    graceEnds = now + policy.grace
    return []
  }

  mutating func cancel() -> [Action] {
    guard !hasCancelled else { return [] }
    hasCancelled = true
    return [.cancelRequests]
  }

  private mutating func plan(_ contents: Batch.Contents, source: Int, page: Int) -> Requested {
    batchCount += 1
    let batch = Batch(id: BatchID(run: run, number: batchCount), source: source, page: page, contents: contents)
    return Requested(batch: batch, attempt: 1, reservation: job.model.cost(ofTokens: contents.mostTokens) ?? 0)
  }
}
