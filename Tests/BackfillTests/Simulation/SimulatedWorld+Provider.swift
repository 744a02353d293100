import Backfill
import TestSupport

/// The provider: what it answers and what it bills.
extension SimulatedWorld {
  /// The provider's answer, as the ledger holds it before the conductor hears of it; nil for a cancelled request.
  mutating func answer(_ id: BatchID) -> Conductor.Event? {
    guard let request = inFlight.removeValue(forKey: id) else { return nil }
    let (batch, reservation) = (request.batch, request.reservation)
    let losses = lostInRow
    lostInRow = 0
    let isNew = random.chance(faults.newConnection)
    func failed(_ failure: EmbeddingFailure) -> Conductor.Event {
      var failure = failure
      failure.isOfUntriedServer = isNew && !failure.refusesInputs
      return .requestFailed(id, failure)
    }
    if outageEnds > now {
      for row in batch.contents.rows { failedInOutage[batch.source][row.identity] = batch.contents.rows.count }
      return failed(EmbeddingFailure(.transient, "away", status: 503))
    }
    if random.chance(faults.rateLimited) {
      return failed(EmbeddingFailure(.rateLimited, "simulated", status: 429, retryAfter: .seconds(2)))
    }
    if random.chance(faults.transient) { return failed(EmbeddingFailure(.transient, "simulated", status: 503)) }
    // A run whose first server is the broken one may end and say so.
    if isNew, answersInRun > 0, random.chance(1.0 / 3) {
      brokenServers += 1
      bill(batch)
      let isOfOneVector = batch.contents.texts.count == 1 && random.chance(0.5)
      return lost(
        reservation,
        failed(
          EmbeddingFailure(
            .brokenReply, "garbled", status: 200, badIndex: isOfOneVector ? 0 : nil, mayHaveBeenBilled: true)))
    }
    let found = batch.contents.texts.map { Trouble(in: $0) }
    if let failure = found.lazy.compactMap({ $0?.failure }).first {
      guard failure.mayHaveBeenBilled else { return failed(failure) }
      bill(batch)
      return lost(reservation, failed(failure))
    }
    bill(batch)
    if random.chance(faults.processedThoughFailed) {
      lostInRow = losses + 1
      return lost(reservation, failed(EmbeddingFailure(.transient, "simulated", mayHaveBeenBilled: true)))
    }
    let unusable = Set(found.indices.filter { found[$0] == .noUsableVector })
    if unusable.count == found.count {
      let failure = EmbeddingFailure(
        .brokenReply, "no vector", status: 200, badIndex: found.count == 1 ? 0 : nil, mayHaveBeenBilled: true)
      return lost(reservation, failed(failure))
    }
    let told = metering.told(of: batch.contents.texts, using: &random)
    let judged = ToldTokens(told, of: batch.contents)
    let billed = judged.trusted ?? batch.contents.tokenCount
    answersInRun += 1
    ledger.spent += job.model.cost(ofTokens: judged.spent) ?? 0
    let contents = batch.contents.leavingOut(unusable)
    ledger.spool[id] = SimulatedLedger.Spooled(
      source: batch.source, rows: contents.rows, vectors: contents.texts.map { TextDigest(of: $0) })
    ledger.received[batch.source].formUnion(contents.rows.map(\.identity))
    for row in contents.rows { ledger.knownTexts[batch.source][row.digest] = row.key }
    for digest in Set(contents.rows.map(\.digest)) { answered[digest, default: 0] += 1 }
    return .received(
      id,
      Conductor.Receipt(
        billedTokens: billed, tellsTokens: judged.corrects, spentTokens: judged.spent,
        latency: .milliseconds(100),
        unusable: Dictionary(uniqueKeysWithValues: unusable.map { ($0, "no vector") })))
  }

  mutating func lost(_ reservation: Double, _ event: Conductor.Event) -> Conductor.Event {
    billedWithoutReply += 1
    ledger.possiblyPaid += 1
    ledger.spent += reservation
    return event
  }

  mutating func send(_ id: BatchID, before end: Duration) -> Conductor.Event? {
    guard let request = inFlight[id] else { return nil }
    guard now < end else {
      lapses += 1
      inFlight[id] = nil
      return .lapsed(id)
    }
    inFlight[id]?.isSent = true
    sentTokens.append(metering.real(request.batch.contents.texts))
    schedule(.answer(id))
    return nil
  }

  /// The reply is lost with the run, and the provider has done the work if it was sent.
  mutating func wasBilled(_ request: InFlight) {
    guard request.isSent else { return }
    billedWithoutReply += 1
    bill(request.batch)
  }

  mutating func bill(_ batch: Batch) {
    billedDollars += (job.model.cost(ofTokens: metering.real(batch.contents.texts)) ?? 0) * metering.timesThePrice
  }
}
