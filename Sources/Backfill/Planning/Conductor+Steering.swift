/// What a person, a clock or a bound asks of a run.
extension Conductor {
  /// The first request to stop ends reading at once and lets requests in flight finish within the grace period. The second
  /// one ends everything. A signal after a bound or after `vecfill stop` counts as a first one, and as the run's ending.
  mutating func stop(_ cause: StopCause, at now: Duration) -> [Action] {
    switch ending {
    case .stopped(let earlier)? where cause.isSignal && !earlier.isSignal:
      ending = .stopped(cause)
      graceEnds = min(graceEnds ?? now + policy.grace, now + policy.grace)
      return []
    case .some where !cause.isSignal && (cause != .control || ending != .stopped(.control)):
      return []
    default:
      break
    }
    end(.stopped(cause))
    guard graceEnds == nil else { return cancel() + cancelWriting() }
    graceEnds = now + policy.grace
    return reading == nil ? [] : [.cancelReading]
  }

  /// How long what was received may be written after a signal, however short the grace is.
  private static let leastWriting: Duration = .seconds(5)

  /// When writes that are under way are given up: what was received and not written is in the ledger.
  private var writingEnds: Duration? {
    guard let graceEnds, case .stopped(let cause)? = ending, cause.isSignal else { return graceEnds }
    return graceEnds + max(.zero, Self.leastWriting - policy.grace)
  }

  /// Cancels what is under way once its time is over, and says when to look again.
  mutating func cancelLate(at now: Duration) -> (actions: [Action], wakeAt: Duration?) {
    guard let graceEnds, let writingEnds else { return ([], nil) }
    var (actions, wakeAt): ([Action], Duration?) = ([], nil)
    if !requested.isEmpty, !hasCancelled {
      if now >= graceEnds { actions += cancel() } else { wakeAt = graceEnds }
    }
    if writes.isWriting || settling != nil || comparisons.isUnderWay, !hasCancelledWriting {
      if now >= writingEnds { actions += cancelWriting() } else { wakeAt = min(wakeAt ?? writingEnds, writingEnds) }
    }
    return (actions, wakeAt)
  }

  private mutating func cancelWriting() -> [Action] {
    hasCancelledWriting = true
    return [.cancelWriting]
  }

  mutating func cancel() -> [Action] {
    guard !hasCancelled else { return [] }
    hasCancelled = true
    return [.cancelRequests]
  }

  /// Nothing new is begun while `hold` is there; the time counts for no outage.
  mutating func hold(_ hold: Pause?, at now: Duration) {
    if hold != nil, heldSince == nil { heldSince = now }
    if hold == nil, let since = heldSince {
      heldSince = nil
      breaker.wasHeld(for: now - since)
      progressedAt += now - since
    }
    self.hold = hold
  }

  /// From now on the job's own ceilings are those.
  mutating func adjust(_ terms: Terms, at now: Duration) {
    job.terms = terms
    limiter.configure(terms.limits, at: now)
    window.limit(to: terms.concurrency)
    spending.budget = terms.budget
  }

  /// How many rows a page may take.
  var mostTaken: Int? { policy.bounds.rows.map { max(0, $0 - takenRows) } }

  /// Once all rows that were taken have ended: rows that got no vector leave room for others; without room the run ends.
  mutating func endFull(at now: Duration) -> [Action] {
    guard isFull, reading == nil, requested.isEmpty, planned.isEmpty, retries.isEmpty,
      !sources.contains(where: \.hasOpen), writes.count == 0, !writes.isWriting, !writes.isHolding, settling == nil,
      ended.isEmpty
    else { return [] }
    takenRows = tally.written
    guard leavesSpool || mostTaken == 0 else {
      isFull = false
      return []
    }
    return stop(.rows, at: now)
  }

  /// How many batches of an earlier run may be written under `bounds`, and how many rows those are.
  static func admitted(_ spooled: [Spooled], by bounds: Bounds) -> (batches: [Spooled], rows: Int) {
    var rows = 0
    let batches = spooled.prefix { batch in
      guard rows + batch.rows <= bounds.rows ?? .max else { return false }
      rows += batch.rows
      return true
    }
    return (Array(batches), rows)
  }
}
