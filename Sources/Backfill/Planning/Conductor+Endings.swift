/// How a run ends by itself, once nothing is left to do or nothing can be done.
extension Conductor {
  mutating func endSweeps() {
    for source in sources.indices where sources[source].isDrained {
      // What its sweep put into quarantine has to be known there before the next one reads.
      guard source != reading, settling == nil || !settlingSources.contains(source) else { continue }
      if case .restless(let rows) = sources[source].endSweep() {
        return end(.failed(restless(rows, of: source)))
      }
      // Rows that were edited or deleted since an earlier run received their pieces.
      if sources[source].isComplete {
        ended += assembly.leftover(of: source).map { Ended(id: $0, source: source, page: nil) }
      }
    }
    guard gathering == .done, leavesPages || sources.allSatisfy(\.isComplete), !writes.isHolding, !writes.isWriting,
      writes.count == 0, settling == nil, ended.isEmpty, condemned.isEmpty
    else { return }
    if !leavesPages {
      let waiting = sources.reduce(0) { $0 + $1.waiting }
      tally.waiting = waiting > 0 || tally.waiting != nil ? waiting : nil
    }
    if let waiting = tally.waiting, waiting > 0 { return end(.waiting(rows: waiting)) }
    if leavesPages { return end(.stopped(.fetched)) }
    let quarantined = sources.reduce(0) { $0 + $1.condemned }
    tally.quarantined = quarantined
    end(isFailure(quarantined) ? .quarantined(rows: quarantined) : .complete)
  }

  /// `ending`, or the failure that stands for it where rows may have the vectors of others.
  func judged(_ ending: Ending) -> Ending {
    if case .failed = ending { return ending }
    let rows = disorders.doubtfulRows
    guard rows > 0 else { return ending }
    return .failed(
      Failure(
        .badData, "job \(job.name)",
        "up to \(rows.of("row")) may have the vector of another text: the replies came while the provider mixed up replies",
        remedy: "run `vecfill verify`, clear the vectors that it names, and run the same command again"))
  }

  private func isFailure(_ quarantined: Int) -> Bool {
    guard quarantined > policy.maxQuarantined else { return false }
    return switch policy.failOn {
    case .quarantined: true
    case .new: newlyCondemned > 0
    case .never: false
    }
  }

  private func restless(_ rows: Int, of source: Int) -> Failure {
    Failure(
      .unavailable, job.sources[source].name,
      "\(rows.of("row")) changed before each of \(SourceProgress.mostFullSweeps) tries to write their vectors",
      remedy: "run the same command again when they are edited less")
  }

  /// Ends a run with nothing left but rows that others have held for longer than is allowed.
  mutating func endLocked(at now: Duration) {
    guard isLocked else { return }
    guard now - progressedAt >= policy.retry.maxOutage else { return }
    let held = writes.heldRows
    let isOne = held.count == 1
    let example =
      held.example.map { " (\(job.sources[held.source].key) \($0)\(isOne ? "" : " among them"))" } ?? ""
    end(
      .failed(
        Failure(
          .unavailable, job.sources[held.source].name,
          "\(held.count) row\(isOne ? "" : "s")\(example) could not be written, held by "
            + (held.holders.isEmpty ? "other transactions" : held.holders),
          remedy: "end that transaction and run the same command again; what is paid for is kept in the ledger")))
  }

  /// Whether nothing is left but rows that others hold.
  var isLocked: Bool {
    writes.isHolding && writes.count == 0 && requested.isEmpty && reading == nil
      && (writes.isFull || planned.isEmpty && retries.isEmpty)
  }
}
