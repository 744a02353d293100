extension Conductor {
  mutating func read(_ page: PackedPage) -> [Action] {
    isReading = false
    sweep.read(page)
    passedOver.excluded = max(passedOver.excluded, sweep.excluded)
    passedOver.condemned = max(passedOver.condemned, sweep.condemned)
    guard let lastKey = page.lastKey else { return [] }
    pageCount += 1
    if sweep.start == watermarks[sweep.source] {
      let batches = page.contents.count + (page.overlong.isEmpty ? 0 : 1)
      watermark.opened(page: pageCount, lastKey: lastKey, batches: batches)
    }
    planned += page.contents.map { plan($0, source: sweep.source, page: pageCount) }
    guard !page.overlong.isEmpty else { return [] }
    let overlong = plan(Batch.Contents(inputs: [], rows: page.overlong), source: sweep.source, page: pageCount)
    return [condemn(overlong.batch, .tooLong(for: job.model))]
  }

  mutating func received(_ id: BatchID, _ receipt: Receipt, at now: Duration) -> [Action] {
    let inFlight = requested.count
    guard let request = requested.removeValue(forKey: id) else { return [] }
    let cost = job.model.cost(ofTokens: receipt.billedTokens)
    tally.billedTokens += receipt.billedTokens
    tally.estimatedTokens += request.batch.contents.tokenCount
    tally.cost = cost.map { $0 + (tally.cost ?? 0) }
    tally.fitted += request.batch.contents.fittedRows
    spending.settle(reservation: request.reservation, cost: cost ?? 0)
    limiter.correct(
      counted: request.batch.contents.tokenCount, reserved: request.reservedTokens, actual: receipt.billedTokens,
      at: now)
    limiter.learn(receipt.rateLimits, at: now)
    window.answered(after: receipt.latency, inFlight: inFlight, at: now)
    breaker.answered()
    answers += 1
    unwritten.append(Unwritten(id: id, source: request.batch.source, page: request.batch.page))
    answeredSince = max(answeredSince, request.sentAt)
    return condemnProven()
  }

  mutating func failed(_ id: BatchID, _ failure: EmbeddingFailure, at now: Duration) -> [Action] {
    guard var request = requested.removeValue(forKey: id) else { return [] }
    spending.settle(
      reservation: request.reservation, cost: failure.mayHaveBeenBilled ? request.reservation : 0)
    if failure.mayHaveBeenBilled { tally.possiblyPaid += 1 }
    limiter.learn(failure.rateLimits, at: now)
    guard ending == nil else { return [] }

    switch failure.kind.failureClass.reaction {
    case .retry:
      if suspectsInputs(of: &request, failure) {
        breaker.answered()
        refused(request, failure, at: now)
      } else {
        if [503, 529].contains(failure.status) { slow(request, failure, at: now) }
        retry(request, failure, at: now)
      }
    case .hold:
      slow(request, failure, at: now)
      retry(request, failure, holdsAll: true, at: now)
    case .retryOnce:
      request.brokenReplies += 1
      if request.brokenReplies > 1 {
        end(.failed(failure.failure(of: job.model.provider)))
      } else {
        retry(request, failure, at: now)
      }
    case .split:
      breaker.answered()
      refusedSizes.add(request.batch.contents)
      refused(request, failure, at: now)
    case .isolate:
      breaker.answered()
      refused(request, failure, at: now)
    case .stop:
      end(.failed(failure.failure(of: job.model.provider)))
    }
    return condemnProven()
  }

  /// Whether a failure that should pass comes again and again for this request, while others are answered: some
  /// servers say 500 for good to an input that they can't embed.
  private func suspectsInputs(of request: inout Requested, _ failure: EmbeddingFailure) -> Bool {
    guard failure.status == 500 else { return false }
    if request.serverErrors == 0 { request.answersBefore = answers }
    request.serverErrors += 1
    let isAlone = request.batch.contents.inputs.count == 1
    return answers > request.answersBefore
      && request.serverErrors >= policy.retry.mostServerErrors * (isAlone ? 2 : 1)
  }

  /// Fewer requests side by side and a lower pace, once for all that was refused at the same time.
  private mutating func slow(_ request: Requested, _ failure: EmbeddingFailure, at now: Duration) {
    guard request.sentAt >= slowedAt else { return }
    slowedAt = now
    let isTooSteep = failure.code?.lowercased() == "slow_down"
    let steadyFor: Duration = isTooSteep ? .seconds(60) : .zero
    limiter.slow(to: isTooSteep ? 0.5 : 0.9, steadyFor: steadyFor, at: now)
    window.refused(steadyFor: steadyFor, at: now)
  }

  /// Isolates the bad input of a refused batch, which alone is a suspect (P7).
  private mutating func refused(_ request: Requested, _ failure: EmbeddingFailure, at now: Duration) {
    let contents = request.batch.contents
    guard !contents.rows.isEmpty else { return end(.failed(failure.failure(of: job.model.provider))) }
    guard contents.inputs.count > 1 else {
      suspects.append(Suspect(batch: request.batch, failure: failure, refusedAt: request.refusedAt ?? now))
      if suspects.count % Conductor.mostSuspects == 0 { probe(page: request.batch.page) }
      return
    }
    var request = request
    request.refusedAt = request.refusedAt ?? now
    let middle = contents.inputs.count / 2
    if let bad = failure.badIndex.flatMap({ contents.input(ofText: $0) }) {
      split(request, into: [0..<bad, bad..<bad + 1, bad + 1..<contents.inputs.count].filter { !$0.isEmpty })
    } else if failure.kind == .tooLarge {
      split(request, into: contents.halvesByTokens())
    } else {
      split(request, into: [0..<middle, middle..<contents.inputs.count])
    }
  }

  /// Plans the parts of a batch in its place, before all others.
  mutating func split(_ request: Requested, into ranges: [Range<Int>]) {
    let batch = request.batch
    for _ in 1..<ranges.count { watermark.split(page: batch.page) }
    let parts = ranges.map { range in
      var part = plan(batch.contents.slice(range), source: batch.source, page: batch.page)
      part.refusedAt = request.refusedAt
      return part
    }
    planned.insert(contentsOf: parts, at: 0)
  }

  private mutating func condemnProven() -> [Action] {
    let proven = suspects.filter { $0.refusedAt <= answeredSince }
    suspects.removeAll { $0.refusedAt <= answeredSince }
    return proven.map { condemn($0.batch, $0.failure) }
  }

  /// Asks for a harmless text that no row waits for: is the endpoint at fault, or are the suspects?
  mutating func probe(page: Int) {
    let harmless = Batch.Contents(inputs: [Input(texts: ["vecfill"], tokens: [3], isExact: false)], rows: [])
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

  /// Sends a request again after a wait, unless the provider has failed, or wants to fail, for longer than is allowed.
  private mutating func retry(
    _ request: Requested, _ failure: EmbeddingFailure, holdsAll: Bool = false, at now: Duration
  ) {
    let outage = breaker.failed(retryAfter: failure.retryAfter, policy.retry, at: now, using: &random)
    guard outage < policy.retry.maxOutage else {
      return end(.failed(failure.failure(of: job.model.provider)))
    }
    if let asked = failure.retryAfter, asked > policy.retry.maxOutage {
      return end(.failed(tooLong(asked, failure)))
    }
    let delay = policy.retry.delay(attempt: request.attempt, retryAfter: failure.retryAfter, using: &random)
    if holdsAll { limiter.hold(until: now + delay) }
    var again = request
    again.attempt += 1
    again.due = now + delay
    retries.append(again)
  }

  private func tooLong(_ wait: Duration, _ failure: EmbeddingFailure) -> Failure {
    let row = failure.kind.failureClass
    let seconds = Int((wait / .seconds(1)).rounded(.up))
    return Failure(
      row.exitCode, job.model.provider, "\(failure.summary); it asks to wait \(seconds) s", remedy: row.remedy)
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
    return Requested(batch: batch)
  }
}
