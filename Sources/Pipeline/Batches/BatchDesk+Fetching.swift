import Backfill
import Foundation
import Ledger

/// The answers of a batch that has ended, taken one by one: each is durable in the ledger before the next one is read.
extension BatchDesk {
  func fetch(_ batch: SubmittedBatch, _ shown: ProviderBatch, _ collect: @escaping Collect) async throws -> Failure? {
    let tally = Locked(FetchTally())
    let open = try await ledger.lines(of: batch.id)
    let inputs = try await ledger.inputs(ofLinesOf: batch.id)
    for file in shown.files {
      do {
        let pass = try await trying { try await read(file, inputs, open, tally, collect) }
        tally.withLock { $0.add(pass, isOutput: file == shown.outputFile) }
      } catch let failure as EmbeddingFailure where failure.kind == .brokenReply {
        tally.withLock { $0.lack = failure.reason }
      }
    }
    return try await end(batch, shown, open: open.count, tally.withLock { $0 })
  }

  /// Reads a file of answers; nil where it is gone.
  ///
  /// - Parameters:
  ///   - inputs: the number of texts of each of the batch's lines.
  ///   - open: the lines without an answer. What an earlier look has taken is left out.
  private func read(
    _ file: String, _ inputs: [String: Int], _ open: [String: SubmittedLine], _ tally: Locked<FetchTally>,
    _ collect: @escaping Collect
  ) async throws -> FilePass? {
    let pass = Locked(FilePass())
    let count: @Sendable (String) -> Int? = { inputs[$0] }
    let isThere = try await provider.answers(in: file, count: count) { answer in
      try Task.checkCancellation()
      try await take(answer, open, pass, tally, collect)
    }
    return isThere ? pass.withLock { $0 } : nil
  }

  private func take(
    _ answer: BatchAnswer, _ lines: [String: SubmittedLine], _ pass: Locked<FilePass>, _ tally: Locked<FetchTally>,
    _ collect: Collect
  ) async throws {
    switch answer {
    case .unknown(let line): pass.withLock { $0.unknown.append(line) }
    case .reply(let id, let reply):
      guard pass.withLock({ $0.isFirst(id) }) else { return pass.withLock { $0.duplicates += 1 } }
      guard let line = lines[id], let rows = try await receive(reply, to: line, collect) else { return }
      tally.withLock {
        $0.answered += 1
        $0.rows += rows
        $0.refusals[id] = nil
      }
    case .failure(let id, let failure):
      guard pass.withLock({ $0.isFirst(id) }) else { return pass.withLock { $0.duplicates += 1 } }
      guard let line = lines[id] else { return }
      let (isRefusal, isLost) = failure.endOfLine
      if !isRefusal {
        guard try await ledger.ended(line, as: isLost ? .lost : .missing) else { return }
      }
      tally.withLock {
        if isRefusal {
          $0.refusals[id] = FetchTally.Refusal(line: line, isLost: isLost)
        } else {
          $0.failed += 1
          if isLost { $0.possiblyPaid += 1 }
        }
        $0.why = failure.summary
        if failure.kind.failureClass.reaction == .stop, failure.kind != .cancelled { $0.stop = failure }
      }
    }
  }

  /// Returns of how many rows it is; nil where the line has its answer already. An answer for a column that this run doesn't
  /// fill waits in the spool for a run that does.
  private func receive(_ reply: EmbeddingReply, to line: SubmittedLine, _ collect: Collect) async throws -> Int? {
    let source = begun.targets.firstIndex(of: line.target)
    let isWhole = source.map { job.sources[$0].chunks == nil } ?? false
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
    guard let rows, let source else { return rows }
    isTaken = true
    collect(
      .collected(
        Conductor.Spooled(id: line.id, source: source, rows: rows),
        Conductor.Receipt(
          billedTokens: billed, tellsTokens: reply.billedTokens != nil, spentTokens: spent, latency: .zero),
        cost: cost, line.tokens, fitted: line.fittedRows))
    return rows
  }

  /// Ends a batch whose files were read. Where answers should be there that aren't, it stays open for some looks over some
  /// minutes: they are paid for, and what can't be read now may be readable later.
  private func end(
    _ batch: SubmittedBatch, _ shown: ProviderBatch, open: Int, _ tally: FetchTally
  ) async throws -> Failure? {
    var tally = tally
    let provider = job.model.provider
    let wasUnread = try await ledger.isLastUnread(of: begun.targets)
    // A line alone says nothing of how the others would be: its texts may be at fault.
    let isUnreadable = tally.hasOnlyUnreadable && open == batch.lines && (batch.lines > 1 || wasUnread)
    let lack =
      isUnreadable
      ? "none of its \(batch.lines) lines could be read" : tally.ended < open ? self.lack(batch, shown, tally) : nil
    if let lack {
      let now = time.now()
      let (looks, since) = try await ledger.notRead(batch.id, at: now)
      guard BatchSearch.isOver(looks: looks, since: since, at: now) else {
        tell(
          .unread, batch, id: shown.id,
          "\(shown.told), and \(lack), at look \(looks); its rows are held until that is sure")
        return tally.stop?.failure(of: provider)
      }
    }
    // An answer that should be there and isn't may be billed. What a batch that ended early has not done is not.
    let mayBePaid =
      lack != nil || shown.files.isEmpty && shown.completed == nil && shown.state != .failed
      || shown.state == .completed && shown.outputFile?.isEmpty == false
    let isUnread = isUnreadable || lack != nil && tally.ended == 0 && open == batch.lines
    let isSecond = isUnread && wasUnread
    try await endRefused(&tally, isUnread: isUnread)
    let reasons = [lack, shown.error?.reason].compactMap(\.self)
    let causes = reasons + [tally.why].compactMap(\.self)
    let rest = try await ledger.ended(
      batch.id, as: isUnread ? .unread : .fetched, rest: mayBePaid ? .lost : .missing,
      reason: causes.isEmpty ? nil : causes.joined(separator: "; "), at: time.now())
    if isUnreadable { tally.unreadable = rest.lines } else { tally.failed += rest.lines }
    if mayBePaid { tally.possiblyPaid += rest.lines }
    await forget(file: batch.fileID)
    tell(
      .fetched, batch, id: shown.id, ([shown.told, tally.words] + reasons).joined(separator: "; "),
      isIncomplete: tally.isIncomplete)
    if let stop = tally.stop { return stop.failure(of: provider) }
    if isSecond {
      return Failure(
        .badData, provider,
        "two batches in a row have ended (\(shown.told)) and the lines that they brought could not be read: "
          + (causes.first ?? "no reason was told"),
        remedy: "look at the file of answers in the provider's console, or run with --no-batch; "
          + "a run in batch mode submits one line until a batch can be read")
    }
    let isFutile = open > 0 && open == batch.lines && tally.answered == 0 && tally.refused == 0
    guard isUnread || isFutile && shown.state != .cancelled else { return nil }
    return Failure(
      .unavailable, provider,
      "a batch ended (\(shown.told)) and none of its \(batch.lines) lines was answered: "
        + (causes.first ?? "no reason was told"),
      remedy: isUnread
        ? "run the same command again: one line is submitted then, to see whether a batch can be read"
        : "run the same command again to submit its rows again")
  }

  /// Records the refused lines, whose rows are then sent as normal requests. If no line of the batch could be read, lines that
  /// may have been billed stay open: sending their rows again would pay for all of them twice, at full price.
  private func endRefused(_ tally: inout FetchTally, isUnread: Bool) async throws {
    for refusal in tally.refusals.values.sorted(by: { $0.line.id < $1.line.id }) where !(isUnread && refusal.isLost) {
      guard try await ledger.ended(refusal.line, as: refusal.isLost ? .lostRefused : .refused) else { continue }
      tally.refused += 1
      if refusal.isLost { tally.possiblyPaid += 1 }
    }
  }

  /// What of a batch should be there and isn't, by what the provider says that it has done; nil where nothing is missing.
  private func lack(_ batch: SubmittedBatch, _ shown: ProviderBatch, _ tally: FetchTally) -> String? {
    if let lack = tally.lack { return lack }
    guard let completed = shown.completed else {
      // Nobody says how much was done.
      switch shown.state {
      case .completed: return "\(tally.read.grouped) of its \(batch.lines.of("line")) could be read"
      case .expired, .cancelled, .failed:
        return tally.read == 0 && !shown.files.isEmpty ? "none of its \(batch.lines) lines could be read" : nil
      case .underWay: return nil
      }
    }
    let done = min(completed, batch.lines)
    guard tally.readOfOutput < done else { return nil }
    return shown.outputFile == nil
      ? "it brought no file of the \(done.of("line")) that it has done"
      : "\(tally.readOfOutput) of the \(done.of("line")) that it has done could be read"
  }
}
