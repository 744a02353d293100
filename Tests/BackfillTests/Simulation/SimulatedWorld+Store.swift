import Backfill
import TestSupport

/// The database: pages, and writes by several writers.
extension SimulatedWorld {
  mutating func page(
    of source: Int, _ request: PageRequest, _ held: Set<RowKey>, _ equals: EqualTexts?
  ) -> PackedPage {
    var request = request
    request.limit = pageBatches * job.batchSize
    let whole = tables[source].page(request, window: (pageBatches + 2) * job.batchSize)
    let condemned = ledger.quarantine[source].mapValues(\.digest)
    let (page, isCut) = whole.cut(to: request.mostTaken) { message in
      held.contains(message.key) || job.preparation.input(for: message.text ?? "") == nil
    }
    guard let equals else {
      var packed = packer.pack(
        page, condemned: condemned, held: held, cutting: cutting(of: source), paid: paidPieces(of: source))
      packed.isCut = isCut
      return packed
    }
    let (copies, deferred) = share(page, condemned, held, equals, of: source)
    let left = held.union(copies.map(\.key)).union(deferred)
    var packed = packer.pack(page, condemned: condemned, held: left)
    packed.isCut = isCut
    packed.add(copied: Set(copies.map(\.key)), by: equals.copies)
    packed.add(deferred: deferred)
    return packed
  }

  /// As the pipeline does: rows whose text another row has with its vector, and rows whose text is awaited.
  mutating func share(
    _ page: MessagePage, _ condemned: [RowKey: TextDigest], _ held: Set<RowKey>, _ equals: EqualTexts, of source: Int
  ) -> (copies: [BatchRow], deferred: [RowKey]) {
    var (copies, deferred, vectors) = ([BatchRow](), [RowKey](), [TextDigest]())
    for message in page.messages where !held.contains(message.key) {
      guard let text = message.text, job.preparation.input(for: text) != nil else { continue }
      let digest = TextDigest(of: text)
      guard condemned[message.key] != digest else { continue }
      if equals.awaited.contains(digest) {
        deferred.append(message.key)
      } else if case .integer(let known)? = ledger.knownTexts[source][digest], let row = tables[source].rows[known],
        let vector = row.vector, row.text.map(TextDigest.init(of:)) == digest
      {
        copies.append(BatchRow(key: message.key, digest: digest, input: vectors.count))
        vectors.append(vector)
      }
    }
    if !copies.isEmpty {
      ledger.spool[equals.copies] = SimulatedLedger.Spooled(source: source, rows: copies, vectors: vectors)
      copied += copies.count
    }
    return (copies, deferred)
  }

  var packer: Packer {
    Packer(
      preparation: job.preparation, maxInputs: job.batchSize, countsExactly: metering.countsExactly,
      countTokens: metering.counted)
  }

  func cutting(of source: Int) -> Cutting? { job.sources[source].chunks?.cutting }

  static let databaseAway = Failure(.unavailable, "db", "gone")

  /// No two writes under way have a row in common, and no writer has two.
  mutating func begin(_ write: Conductor.Write) {
    if writing[write.writer] != nil { violations.append("writer \(write.writer) got a second write") }
    if !(0..<job.writers).contains(write.writer) { violations.append("there is no writer \(write.writer)") }
    let rows = keys(of: write)
    for other in writing.values where other.source == write.source && !rows.isDisjoint(with: keys(of: other)) {
      violations.append("two writers have the same row")
    }
    writing[write.writer] = write
    mostWriters = max(mostWriters, writing.count)
    begunWrites.append(write.writer)
    schedule(.write(write))
  }

  func keys(of write: Conductor.Write) -> Set<RowKey> {
    Set(write.parts.flatMap { part in part.rows ?? Set(ledger.spool[part.batch]?.rows.map(\.key) ?? []) })
  }

  mutating func end(_ write: Conductor.Write) -> Conductor.Event {
    if begunWrites.first != write.writer { overtakingWrites += 1 }
    begunWrites.removeAll { $0 == write.writer }
    writing[write.writer] = nil
    // Few writes have company, and those are the ones to see fail.
    let chance = faults.writeFailure * (writing.isEmpty ? 1 : 4)
    guard chance > 0, random.chance(chance) else { return self.write(write) }
    if random.chance(0.5) { _ = self.write(write) }
    hadWriteFailure = true
    writeFailures += 1
    if !writing.isEmpty { writeFailuresBesideAnother += 1 }
    return .writeFailed(Self.databaseAway, writer: write.writer)
  }

  mutating func write(_ write: Conductor.Write) -> Conductor.Event {
    var outcome = WriteOutcome()
    var batches: [(id: BatchID, rows: [BatchRow])] = []
    for part in write.parts {
      if let cutting = cutting(of: write.source) {
        let rows = assembled(part, cutting)
        batches.append((part.batch, rows.map(\.row)))
        merge(tables[write.source].write(rows, at: now), into: &outcome)
        continue
      }
      guard let spooled = ledger.spool[part.batch] else { continue }
      let rows = spooled.rows.filter { part.rows?.contains($0.key) ?? true }
      batches.append((part.batch, rows))
      merge(tables[write.source].write(rows.map { ($0, spooled.vectors[$0.input]) }, at: now), into: &outcome)
    }
    for key in tables[write.source].mixed {
      violations.append("row \(key) of table \(write.source) got the vector of another text")
    }
    lockedWrites += outcome.locked.count
    return .written(WriteReport(outcome, of: batches), writer: write.writer)
  }

  func merge(_ one: WriteOutcome, into outcome: inout WriteOutcome) {
    outcome.written.formUnion(one.written)
    outcome.locked.formUnion(one.locked)
    outcome.unfilled.formUnion(one.unfilled)
    outcome.refused.merge(one.refused) { first, _ in first }
    outcome.refusesAll = outcome.refusesAll || one.refusesAll
    outcome.leavesDoubt = outcome.leavesDoubt || one.leavesDoubt
  }
}
