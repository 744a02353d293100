import Backfill
import Foundation
import Ledger

extension Pipeline {
  /// Sends the requests that are ordered, side by side, until the orders end.
  func carryOut(_ orders: AsyncStream<RequestOrder>, _ inbox: AsyncStream<Signal>.Continuation) async {
    await withDiscardingTaskGroup { requests in
      for await order in orders {
        switch order {
        case .send(let batch, let reservation, let end):
          requests.addTask { inbox.yield(await request(batch, reservation: reservation, until: end, inbox)) }
        case .cancelAll:
          requests.cancelAll()
        }
      }
    }
  }

  /// One request, from its entry in the ledger to its reply's.
  private func request(
    _ batch: Batch, reservation: Double?, until end: ContinuousClock.Instant?, _ inbox: AsyncStream<Signal>.Continuation
  ) async -> Signal {
    defer { ledger.releaseSpace(of: batch.id) }
    do {
      try await ledger.holdSpace(for: batch, dimensions: job.model.dimensions)
    } catch {
      return .event(.notSent(batch.id, error))
    }
    do {
      try await ledger.requested(batch, target: begun.targets[batch.source], reservation: reservation, at: Date())
      do {
        // Others' writes may have needed what was held.
        try await ledger.holdSpace(for: batch, dimensions: job.model.dimensions)
      } catch {
        try await ledger.withdrawn(batch)
        return .event(.notSent(batch.id, error))
      }
      // A process that stood still has lost its slice, and others may have it now.
      if let end, clock.now >= end {
        try await ledger.withdrawn(batch)
        return .event(.lapsed(batch.id))
      }
      do {
        let sent = clock.now
        let reply = try await embedder.embed(batch.contents.texts, as: .document)
        return try await received(reply, to: batch, after: clock.now - sent, inbox)
      } catch var failure as EmbeddingFailure {
        // What a server says may quote the texts: only those of a harmless one are ours.
        if !batch.isProbe { failure.serverMessage = nil }
        observer.requestFailed(failure)
        try await ledger.failed(batch, failure, at: Date())
        return .event(.requestFailed(batch.id, failure))
      }
    } catch {
      return .event(.broken(failure(error, ledger.path)))
    }
  }

  private func received(
    _ reply: EmbeddingReply, to batch: Batch, after latency: Duration, _ inbox: AsyncStream<Signal>.Continuation
  ) async throws -> Signal {
    var reply = reply
    let contents = batch.contents
    let unusable = Dictionary(
      reply.unusable.compactMap { text, why in contents.input(ofText: text).map { ($0, why) } },
      uniquingKeysWith: { first, _ in first })
    let told = ToldTokens(reply.billedTokens, of: contents)
    reply.billedTokens = told.trusted
    reply.vectors = contents.joined(reply.vectors)
    let billed = reply.billedTokens ?? contents.tokenCount
    let usable = contents.leavingOut(Set(unusable.keys))
    let (cost, spent, date) = (job.model.cost(ofTokens: billed), job.model.cost(ofTokens: told.spent), Date())
    let refusal = await kept(reply, to: batch, rows: usable.rows, cost: cost, spent: spent, at: date)
    try await ledger.received(
      reply, to: batch, target: begun.targets[batch.source], rows: unusable.isEmpty ? nil : usable.rows,
      cost: cost, spent: spent,
      remembersTexts: job.duplicates == .table && batch.purpose == .rows, at: date)
    if let refusal { inbox.yield(.event(.notKept(refusal))) }
    let receipt = Conductor.Receipt(
      billedTokens: billed, tellsTokens: told.corrects, spentTokens: told.spent, rateLimits: reply.rateLimits,
      latency: latency, unusable: unusable)
    observer.answered(contents.inputs.count, receipt)
    return .reply(batch, SpooledBatch(rows: usable.rows, vectors: reply.vectors), receipt)
  }

  /// Goes through the provider's batches; each line that was answered comes as an event before what all came to.
  func gathered(_ reads: Cancellable, _ inbox: AsyncStream<Signal>.Continuation) async -> Conductor.Event? {
    guard let desk else { return nil }
    return .gathered(await reads.run { await desk.work { inbox.yield(.event($0)) } })
  }

  /// - Parameter searchesEdits: whether it is the edited rows that are read up to that key.
  func lastKey(of source: Int, searchesEdits: Bool) async -> Conductor.Event {
    let table = job.sources[source]
    do {
      // The search begins before anything of it is read, also the key that it ends with.
      if searchesEdits, searchedForEdits.withLock({ $0.insert(source).inserted }) {
        let earlier = try await ledger.searchedEdits(of: begun.targets[source])
        try await store.beginEditSearch(of: table, after: earlier)
      }
      return .lastKeyRead(try await store.lastKey(of: table))
    } catch {
      return .readFailed(failure(error, table.name))
    }
  }

  /// Keeps for the next run up to where these sources were searched for edited rows. Where that fails, that one reads every
  /// text and finds the same rows.
  func endEditSearches(_ sources: [Int]) async {
    for source in sources {
      guard let searched = try? await store.endEditSearch(of: job.sources[source]) else { continue }
      try? await ledger.record(searched, of: begun.targets[source])
    }
  }

  func page(
    of source: Int, _ request: PageRequest, held: Set<RowKey>, equals: EqualTexts?
  ) async -> Conductor.Event {
    let table = job.sources[source]
    do {
      let whole = try await store.page(of: table, request)
      let condemned = try await ledger.condemned(whole.messages.map(\.key), target: begun.targets[source])
      meet(condemned, in: whole, of: source)
      let waiting = try await underWay(whole, of: source).subtracting(held)
      let held = held.union(waiting)
      let (page, isCut) = whole.cut(to: request.mostTaken) { message in
        held.contains(message.key) || packer.preparation.input(for: message.text ?? "") == nil
          || condemned[message.key] == message.text.map(TextDigest.init(of:))
      }
      if let cutting = table.chunks?.cutting {
        // A row that was edited to a blank text loses its pieces, as it gets no others.
        try await store.removePieces(of: page.messages.filter(\.isBlank).map(\.key), in: table)
        let paid = try await paidPieces(of: source, isLater: request.leavesOutBlank)
        var packed = packer.pack(page, condemned: condemned, held: held, cutting: cutting, paid: paid)
        packed.isCut = isCut
        packed.waiting = page.messages.count { waiting.contains($0.key) }
        return .pageRead(packed)
      }
      if request.rows == .edited {
        let blank = page.messages.filter { $0.isBlank && $0.unreadable == nil }.map(\.key)
        if !blank.isEmpty { try await store.emptyVectors(of: blank, in: table) }
      }
      let kept = try await kept(of: source, page, request, leavingOut: held.union(condemned.keys))
      var left = kept.values.reduce(into: held) { $0.formUnion($1) }
      var shared: SharedRows?
      if let equals { shared = try await share(page, condemned, left, equals, of: source) }
      if let shared { left.formUnion(shared.copied.union(shared.deferred)) }
      var packed = packer.pack(page, condemned: condemned, held: left)
      packed.isCut = isCut
      packed.waiting = page.messages.count { waiting.contains($0.key) }
      packed.add(kept: kept)
      if let equals, let shared {
        packed.add(copied: shared.copied, by: equals.copies)
        packed.add(deferred: shared.deferred)
      }
      return .pageRead(packed)
    } catch {
      return .readFailed(failure(error, table.name))
    }
  }

  /// The page's rows that wait for a batch with the text that they have.
  private func underWay(_ page: MessagePage, of source: Int) async throws -> Set<RowKey> {
    guard begun.waits else { return [] }
    return try await ledger.underWay(page.messages.digests, of: begun.targets[source])
  }

  /// The page's rows whose vectors were written before, by the batch that has them. What earlier runs have kept is looked
  /// for on each page, and what this one has in later sweeps.
  private func kept(
    of source: Int, _ page: MessagePage, _ request: PageRequest, leavingOut others: Set<RowKey>
  ) async throws -> [BatchID: Set<RowKey>] {
    guard page.messages.contains(where: { !$0.isBlank }) else { return [:] }
    let earlier = keptEarlier.withLock { $0[source] }
    if let earlier, !request.leavesOutBlank, !page.messages.contains(where: { earlier.contains($0.key) }) { return [:] }
    let all = try await ledger.kept(of: begun.targets[source])
    if earlier == nil { keptEarlier.withLock { $0[source] = Set(all.keys) } }
    guard !all.isEmpty else { return [:] }
    var kept: [BatchID: Set<RowKey>] = [:]
    for message in page.messages where !others.contains(message.key) {
      guard let text = message.text, let row = all[message.key], row.digest == TextDigest(of: text) else { continue }
      kept[row.batch, default: []].insert(message.key)
    }
    return kept
  }

  /// How many rows lack a vector; nil where that can't be counted, which stops nothing.
  func remaining() async -> Int? {
    var count = 0
    for (index, source) in job.sources.enumerated() {
      guard let rows = try? await store.countRemaining(in: source) else { return nil }
      observer.counted(index, rows)
      count += rows
    }
    return count
  }

  func compared(_ batch: Batch, _ reply: SpooledBatch?, leavingOut unusable: Set<Int>) -> Conductor.Event {
    do {
      var alike = 0
      if let comparison = comparisons.first(where: { $0.source == batch.source }), let reply {
        alike = try comparison.alike(batch.contents, reply.vectors, leavingOut: unusable, job)
      }
      return .compared(batch.id, source: batch.source, alike: alike)
    } catch {
      return .comparisonFailed(batch.id, failure(error, job.sources[batch.source].name))
    }
  }

  func proven(_ source: Int, _ prove: @Sendable (Int) async throws -> Void) async -> Conductor.Event {
    do {
      try await prove(source)
      return .proven(source: source)
    } catch {
      return .comparisonFailed(nil, failure(error, job.sources[source].name))
    }
  }

  func prepared(_ prepare: (@Sendable () async throws -> Void)?) async -> Conductor.Event {
    do {
      try await prepare?()
      return .prepared
    } catch {
      return .preparationFailed(failure(error, "job \(job.name)"))
    }
  }

  /// The pieces that are paid for: what earlier runs have left, and in later sweeps what this one has written as well.
  private func paidPieces(of source: Int, isLater: Bool) async throws -> [RowKey: PaidPieces] {
    if !isLater, let known = paidPieces.withLock({ $0[source] }) { return known }
    let paid = try await ledger.pieces(of: begun.targets[source])
    if !isLater { paidPieces.withLock { $0[source] = paid } }
    return paid
  }

  /// Writes what was just received, and what only the spool holds.
  func write(_ received: [ReceivedPart], _ write: Conductor.Write) async -> Conductor.Event {
    let table = job.sources[write.source]
    do {
      var batches: [(id: BatchID, rows: [BatchRow])] = []
      var embedded: [EmbeddedRow] = []
      for received in received {
        let part = received.part
        var own: [EmbeddedRow] = []
        for (batch, reply) in received.replies {
          let spooled = if let reply { reply } else { try await ledger.spooled(batch) }
          let rows = part.rows.map { wanted in spooled.rows.filter { wanted.contains($0.key) } } ?? spooled.rows
          if table.chunks == nil { batches.append((batch, rows)) }
          own += rows.embedded(by: spooled.vectors)
        }
        if table.chunks != nil {
          let pieces = AssembledPieces(own)
          batches.append((part.batch, pieces.rows))
          own = pieces.complete
        }
        embedded += own
      }
      let outcome = try await store.write(embedded, to: table)
      return .written(WriteReport(outcome, of: batches), writer: write.writer)
    } catch {
      return .writeFailed(failure(error, table.name), writer: write.writer)
    }
  }

  func settle(
    _ settlement: Settlement, _ writes: Cancellable, _ inbox: AsyncStream<Signal>.Continuation
  ) async -> Conductor.Event {
    do {
      try await ledger.settle(settlement, run: begun.id, targets: begun.targets, at: Date())
      if let refusal = await writes.run({ await removed(settlement.batches) }) {
        inbox.yield(.event(.notKept(refusal)))
      }
      desk?.room.release(settlement.batches.count(where: \.isLine))
      if !settlement.condemned.isEmpty {
        meet(settlement.condemned)
        observer.condemned(settlement.condemned)
      }
      return .settled
    } catch {
      return .broken(failure(error, ledger.path))
    }
  }

  func failure(_ error: any Error, _ subject: String) -> Failure {
    error as? Failure
      ?? Failure(
        .unavailable, subject, "it failed with \(type(of: error))", remedy: "run the same command again to go on")
  }
}
