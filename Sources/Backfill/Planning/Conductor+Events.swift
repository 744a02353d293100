extension Conductor {
  mutating func read(_ page: PackedPage, at now: Duration) {
    guard let source = reading else { return }
    reading = nil
    isFull = isFull || page.isCut
    // Not even the first of its rows may be taken.
    guard !page.isCut || page.continuesAfter != nil else { return }
    takenRows += page.taken
    pageCount += 1
    sources[source].pageRead(
      page, page: pageCount,
      batches: page.contents.count + page.bundles.count { $0.contents.isEmpty } + page.kept.count + page.copied.count
        + (page.overlong.isEmpty && page.garbled.isEmpty ? 0 : 1),
      awaited: job.duplicates == .table ? page.askedTexts : [])
    if page.taken > 0 { progressedAt = now }
    for (batch, rows) in page.kept.sorted(by: { $0.key < $1.key }) {
      writes.add(
        WriteQueue.Entry(batch: batch, source: source, page: pageCount, rowCount: rows.count, kept: rows))
    }
    for (batch, rows) in page.copied {
      writes.add(
        WriteQueue.Entry(batch: batch, source: source, page: pageCount, rowCount: rows.count, isCopy: true))
    }
    takeTurns(
      with: page.bundles.isEmpty
        ? page.contents.map { plan($0, source: source, page: pageCount) } : bundled(page, source))
    guard !page.overlong.isEmpty || !page.garbled.isEmpty else { return }
    condemn(
      page.overlong.map { CondemnedRow(source: source, row: $0, .tooLong(for: job.model)) }
        + page.garbled.map { key, text in
          CondemnedRow(
            source: source, key: key, digest: text.digest,
            Condemnation(text.isTooLong ? .provider(.tooLarge) : .unreadable, text.reason))
        }, of: source)
    ended.append(Ended(id: nextBatchID(), source: source, page: pageCount))
  }

  /// Plans requests between those of other sources, so that no source waits for another's whole page.
  private mutating func takeTurns(with requests: [Requested]) {
    var turns: [Requested] = []
    for index in 0..<max(planned.count, requests.count) {
      if index < planned.count { turns.append(planned[index]) }
      if index < requests.count { turns.append(requests[index]) }
    }
    planned = turns
  }

  mutating func received(_ id: BatchID, _ receipt: Receipt, at now: Duration) {
    let inFlight = requested.count
    guard let request = requested.removeValue(forKey: id) else { return }
    let contents = request.batch.contents
    let cost = job.model.cost(ofTokens: receipt.billedTokens)
    tally.billedTokens += receipt.billedTokens
    tally.estimatedTokens += contents.tokenCount
    tally.cost = cost.map { $0 + (tally.cost ?? 0) }
    tally.fitted += contents.fittedRows
    let rows = request.batch.purpose == .rows ? contents.leavingOut(Set(receipt.unusable.keys)).rows.count : 0
    disorders.answered(
      rows: rows, isProven: request.harmless.count > 1, sentAt: request.sentAt, at: now,
      oldest: requested.values.lazy.map(\.sentAt).min())
    spending.settle(
      reservation: request.reservation, most: request.most, cost: job.model.cost(ofTokens: receipt.spentTokens) ?? 0)
    if receipt.tellsTokens {
      let more = limiter.correct(
        counted: contents.tokenCount, reserved: request.reservedTokens, actual: receipt.billedTokens, at: now)
      share?.took(moreTokens: Double(more))
      // The harmless text is never counted exactly.
      if !contents.isExact, !request.isProbe, request.harmless.isEmpty {
        tally.billedPerEstimated = limiter.billedPerCounted
      }
    }
    limiter.learn(receipt.rateLimits, at: now)
    if breaker.isOpen { window.restart() }
    window.answered(after: receipt.latency, inFlight: inFlight, at: now)
    breaker.answered()
    progressedAt = now
    isolation.answered(request, at: now)
    switch request.batch.purpose {
    case .probe:
      isProbing = false
      ended.append(Ended(id: id, source: request.batch.source, page: nil))
    case .comparison:
      comparisons.received(request.batch)
    case .rows:
      let unusable = receipt.unusable.compactMap { place, why in request.ownInput(at: place).map { ($0, why) } }
      if request.isAlone, !request.harmless.isEmpty || request.trial.proven > 0, let (_, why) = unusable.first {
        // The harmless text, or another part of the same, has a vector in the same reply: the server works.
        leaveOut(request.batch, for: .noVector(why))
        break
      }
      if request.batch.bundle == nil {
        writes.add(
          WriteQueue.Entry(
            batch: id, source: request.batch.source, page: request.batch.page, rowCount: contents.rows.count))
      }
      assembly.received(request.batch)
      askAlone(Set(unusable.map(\.0)), of: request)
      assembled(request.batch.bundle)
    }
    release(at: now)
  }

  mutating func compared(_ id: BatchID, _ source: Int, alike: Int) {
    ended.append(Ended(id: id, source: source, page: nil))
    switch comparisons.ended(id, of: source, alike: alike) {
    case .open: break
    case .alike: unrecorded.append(source)
    case .incomparable: end(.failed(job.incomparable(job.sources[source])))
    }
  }

  mutating func failed(_ id: BatchID, _ failure: EmbeddingFailure, at now: Duration) {
    guard var request = requested.removeValue(forKey: id) else { return }
    spending.settle(
      reservation: request.reservation, most: request.most,
      cost: failure.mayHaveBeenBilled ? request.reservation : 0)
    if failure.mayHaveBeenBilled { tally.possiblyPaid += 1 }
    limiter.learn(failure.rateLimits, at: now)
    guard ending == nil else { return }
    let reaction = failure.kind.failureClass.reaction
    if reaction == .stop {
      // Of several servers behind one address one may refuse what the others take: once more, with all others held. One
      // that says when to come back speaks for the account.
      let mayBeOfOneServer = failure.kind != .cancelled && failure.asksToWait == nil
      guard isolation.hasAnswer, !request.isProbe, !request.wasDenied, mayBeOfOneServer else {
        return end(.failed(failure.failure(of: job.model.provider)))
      }
      request.wasDenied = true
      retry(request, failure, holdsAll: true, at: now)
      return release(at: now)
    }
    if let disorder = failure.disorder {
      if disorders.add(disorder, to: request, at: now) {
        return end(.failed(failure.failure(of: job.model.provider)))
      }
      // No text is at fault; that the next reply has its own vectors, it has to prove.
      if disorder == .otherModel || mayAddHarmless, isolation.hasAnswer, !request.isProbe {
        retry(request, failure, at: now)
        return release(at: now)
      }
    }
    if reaction == .hold || failure.kind == .timedOut || [503, 529].contains(failure.status) {
      slow(request, failure, at: now)
    }
    if request.isProbe {
      probeFailed(request, failure, at: now)
    } else if failure.isOfOneVector, mayAddHarmless {
      request.trial = Isolation.suspicion(of: request, failure)
      planned.insert(with(harmlessAt: [0], request), at: 0)
    } else if request.isAlone, !request.harmless.isEmpty, failure.refusesInputs {
      // Perhaps the server takes no second input. Where replies went astray, it has taken several.
      if !disorders.areOfTexts { mayAddHarmless = false }
      var plain = with(harmlessAt: [], request)
      plain.isPlain = true
      planned.insert(plain, at: 0)
    } else {
      switch isolation.failed(&request, failure, at: now, using: &random) {
      case .again: retry(request, failure, holdsAll: reaction == .hold, at: now)
      case .waits: if !failure.refusesInputs { _ = isWithinOutage(failure, at: now) }
      case .divide(let ranges): split(request, into: ranges)
      }
      // The endpoint has looked at the request.
      if failure.refusesInputs { breaker.answered() }
    }
    release(at: now)
  }

  /// Replies to the requests in flight can still be stored, so the run waits for them.
  mutating func notSent(_ id: BatchID, _ failure: Failure) {
    guard withdraw(id) != nil else { return }
    end(.failed(failure))
  }

  /// Takes back a request that was not sent.
  mutating func withdraw(_ id: BatchID) -> Requested? {
    guard let request = requested.removeValue(forKey: id) else { return nil }
    spending.settle(reservation: request.reservation, most: request.most, cost: 0)
    tally.requests -= 1
    if request.attempt > 1 { tally.retries -= 1 }
    return request
  }

  /// How often a harmless text may be refused before a run that had answers ends. More tries if no answer ever came from
  /// the server behind the connection.
  private static func probeTries(_ failure: EmbeddingFailure) -> Int {
    failure.isOfUntriedServer && failure.kind != .misconfigured ? 8 : 4
  }

  /// Before the first answer, so many connections in a row that are lost say that the address is wrong.
  private static let mostLostProbes = 4

  /// The endpoint fails for a harmless text too, so it is at fault: the run reacts by the kind of its failure.
  private mutating func probeFailed(_ request: Requested, _ failure: EmbeddingFailure, at now: Duration) {
    isolation.probeFailed(failure)
    let mayPass =
      isolation.hasAnswer || failure.mayPassBeforeFirstAnswer && isolation.lostProbes < Conductor.mostLostProbes
    switch failure.kind.failureClass.reaction {
    case .retry where mayPass, .hold where mayPass:
      retry(request, failure, holdsAll: failure.kind.failureClass.reaction == .hold, at: now)
    // One of several servers behind a balancer may be broken.
    case .probe where isolation.hasAnswer && isolation.refusedProbes < Conductor.probeTries(failure):
      retry(request, failure, longestAfter: 3, at: now)
    default:
      end(.failed(failure.failure(of: job.model.provider, isBeforeFirstAnswer: !isolation.hasAnswer)))
    }
  }

  /// Lowers the concurrency and the pace, once for all requests that were refused at the same time.
  private mutating func slow(_ request: Requested, _ failure: EmbeddingFailure, at now: Duration) {
    guard request.sentAt >= slowedAt else { return }
    slowedAt = now
    let isTooSteep = failure.code?.lowercased() == "slow_down"
    let steadyFor: Duration = isTooSteep ? .seconds(60) : .zero
    limiter.slow(to: isTooSteep ? 0.5 : 0.9, steadyFor: steadyFor, at: now)
    window.refused(steadyFor: steadyFor, at: now)
  }

  private mutating func release(at now: Duration) {
    let release = isolation.release(isIdle: isOtherwiseIdle, at: now)
    for (request, ranges) in release.divided { split(request, into: ranges) }
    for (batch, failure) in release.condemned { leaveOut(batch, for: failure) }
    for request in release.again {
      var again = request
      again.attempt += 1
      again.due = now + policy.retry.delay(attempt: 1, retryAfter: nil, using: &random)
      retries.append(again)
    }
  }

  /// Sends a request again after a wait, unless the provider has failed, or asks to wait, for longer than is allowed.
  /// The wait grows for so many attempts.
  private mutating func retry(
    _ request: Requested, _ failure: EmbeddingFailure, holdsAll: Bool = false, longestAfter attempts: Int = .max,
    at now: Duration
  ) {
    guard isWithinOutage(failure, at: now) else { return }
    if let asked = failure.asksToWait, asked > policy.retry.maxOutage {
      return end(.failed(failure.failure(of: job.model.provider, asksToWait: asked)))
    }
    let delay = min(
      policy.retry.delay(
        attempt: min(request.attempt, attempts), retryAfter: failure.retryAfter, using: &random),
      breaker.patience(policy.retry, at: now))
    if holdsAll { limiter.hold(until: now + delay) }
    var again = request
    again.attempt += 1
    again.due = now + delay
    retries.append(again)
  }

  /// Counts a failure; false where there was nothing but failures for longer than is allowed, which ends the run.
  private mutating func isWithinOutage(_ failure: EmbeddingFailure, at now: Duration) -> Bool {
    let outage = breaker.failed(retryAfter: failure.retryAfter, policy.retry, at: now, using: &random)
    guard outage >= policy.retry.maxOutage else { return true }
    end(.failed(failure.failure(of: job.model.provider)))
    return false
  }

  mutating func written(_ report: WriteReport, by writer: Int, at now: Duration) {
    let sources = Dictionary(
      writes.batches(of: writer).map { ($0.batch, $0.source) }, uniquingKeysWith: { first, _ in first })
    if let source = sources.values.first, let why = refusal(of: source, by: report) {
      return refusesAll(of: source, why, to: writer)
    }
    for batch in report.batches {
      tally.changed += batch.changed.count
      guard let source = sources[batch.id] else { continue }
      self.sources[source].changed(batch.changed)
      if batch.written > 0 {
        hasWritten.insert(source)
        refusedWrites[source] = nil
      }
    }
    let result = writes.written(report, by: writer, at: now)
    tally.written += result.written
    tally.recovered += result.recovered
    if result.copied > 0 { tally.copied = (tally.copied ?? 0) + result.copied }
    if result.written > 0 || !result.condemned.isEmpty { progressedAt = now }
    for row in result.condemned { condemn([row], of: row.source) }
    for entry in result.ended { entryEnded(entry) }
  }

  mutating func plan(
    _ contents: Batch.Contents, source: Int, page: Int, purpose: Batch.Purpose = .rows, bundle: Int? = nil
  ) -> Requested {
    Requested(
      batch: Batch(
        id: nextBatchID(), source: source, page: page, purpose: purpose, bundle: bundle, contents: contents))
  }
}
