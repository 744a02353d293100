import Backfill
import Foundation
import Ledger

/// The answers of a batch that has ended, taken one by one: each is durable in the ledger before the next one is read.
extension BatchDesk {
  func fetch(_ batch: SubmittedBatch, _ shown: ProviderBatch, _ collect: @escaping Collect) async throws -> Failure? {
    let tally = Locked(FetchTally())
    var isGone = false
    let open = try await ledger.lines(of: batch.id)
    for file in shown.files {
      let isThere = try await trying {
        let seen = Locked<Set<String>>([])
        return try await provider.answers(in: file, count: { open[$0]?.inputs }) { answer in
          try Task.checkCancellation()
          // What an earlier try has taken is left out by the ledger.
          try await take(answer, open, seen, tally, collect)
        }
      }
      isGone = isGone || !isThere
    }
    return try await end(batch, shown, open: open.count, isGone: isGone, tally.withLock { $0 })
  }

  private func take(
    _ answer: BatchAnswer, _ lines: [String: SubmittedLine], _ seen: Locked<Set<String>>, _ tally: Locked<FetchTally>,
    _ collect: Collect
  ) async throws {
    switch answer {
    case .unknown(let line): tally.withLock { $0.unknown.append(line) }
    case .reply(let id, let reply):
      guard seen.withLock({ $0.insert(id).inserted }) else { return tally.withLock { $0.duplicates += 1 } }
      guard let line = lines[id], let rows = try await receive(reply, to: line, collect) else { return }
      tally.withLock {
        $0.answered += 1
        $0.rows += rows
      }
    case .failure(let id, let failure):
      guard seen.withLock({ $0.insert(id).inserted }) else { return tally.withLock { $0.duplicates += 1 } }
      guard let line = lines[id] else { return }
      let (isRefusal, isLost) = failure.endOfLine
      let end: Ledger.LineEnd = isRefusal ? (isLost ? .lostRefused : .refused) : isLost ? .lost : .missing
      guard try await ledger.ended(line, as: end) else { return }
      tally.withLock {
        if isRefusal { $0.refused += 1 } else { $0.failed += 1 }
        if isLost { $0.possiblyPaid += 1 }
        $0.why = failure.summary
        if failure.kind.failureClass.reaction == .stop, failure.kind != .cancelled { $0.stop = failure }
      }
    }
  }

  /// Returns of how many rows it is; nil where the line has its answer already.
  private func receive(_ reply: EmbeddingReply, to line: SubmittedLine, _ collect: Collect) async throws -> Int? {
    guard let source = begun.targets.firstIndex(of: line.target) else { return nil }
    let isWhole = job.sources[source].chunks == nil
    if isWhole { try await room.take() }
    var isTaken = false
    defer { if isWhole, !isTaken { room.release(1) } }
    try await ledger.holdSpace(for: line, dimensions: reply.vectors.dimensions)
    defer { ledger.releaseSpace(of: line.id) }
    var reply = reply
    let told = reply.billedTokens
    reply.billedTokens = line.tokens.trusted(told)
    let billed = reply.billedTokens ?? line.tokens.counted
    let spent = line.tokens.spent(told: told)
    let cost = terms.cost(ofTokens: billed)
    let rows = try await ledger.received(
      reply, to: line, cost: cost, spent: terms.cost(ofTokens: spent), remembersTexts: job.duplicates == .table,
      at: time.now())
    guard let rows else { return nil }
    isTaken = true
    collect(
      .collected(
        Conductor.Spooled(id: line.id, source: source, rows: rows),
        Conductor.Receipt(
          billedTokens: billed, tellsTokens: reply.billedTokens != nil, spentTokens: spent, latency: .zero),
        cost: cost, line.tokens, fitted: line.fittedRows))
    return rows
  }

  /// Ends a batch whose files were read.
  private func end(
    _ batch: SubmittedBatch, _ shown: ProviderBatch, open: Int, isGone: Bool, _ tally: FetchTally
  ) async throws -> Failure? {
    var tally = tally
    // An answer that should be there and isn't may be billed. What a batch that ended early has not done is not.
    let hasDone = shown.completed ?? 0 > 0
    let mayBePaid =
      isGone || shown.files.isEmpty && hasDone
      || shown.state == .completed && (shown.outputFile?.isEmpty == false || hasDone)
    var reasons = isGone ? ["what it brought is gone"] : []
    if let error = shown.error { reasons.append(error.reason) }
    let causes = reasons + [tally.why].compactMap(\.self)
    let rest = try await ledger.ended(
      batch.id, as: .fetched, rest: mayBePaid ? .lost : .missing,
      reason: causes.isEmpty ? nil : causes.joined(separator: "; "), at: time.now())
    tally.failed += rest.lines
    if mayBePaid { tally.possiblyPaid += rest.lines }
    await forget(file: batch.fileID)
    tell(
      .fetched, batch, id: shown.id, ([shown.told, tally.words] + reasons).joined(separator: "; "),
      isIncomplete: tally.isIncomplete)
    if let stop = tally.stop { return stop.failure(of: job.model.provider) }
    let isFutile = open > 0 && open == batch.lines && tally.answered == 0 && tally.refused == 0
    guard isFutile, shown.state != .cancelled else { return nil }
    return Failure(
      .unavailable, job.model.provider,
      "a batch ended (\(shown.told)) and none of its \(batch.lines) lines was answered: "
        + (causes.first ?? "no reason was told"),
      remedy: "run the same command again to submit its rows again")
  }
}
