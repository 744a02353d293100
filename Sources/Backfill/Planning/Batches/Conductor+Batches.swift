/// The provider's batches, as a run begins with them: they are looked at, fetched and submitted before a page is read.
extension Conductor {
  /// What has become of the batches.
  package struct Gathered: Equatable, Sendable {
    /// Rows that wait for the provider now. With any, the run ends once all that was fetched is written.
    package var waiting: Int
    /// Dollars that all runs have spent, with what is reserved for what is under way.
    package var spent: Double
    /// Whether the rows that are left are read, and asked for one request after the other.
    package var readsRows: Bool
    /// Why no more could be done; nil where all was.
    package var failure: Failure?

    package init(waiting: Int, spent: Double, readsRows: Bool, failure: Failure? = nil) {
      self.waiting = waiting
      self.spent = spent
      self.readsRows = readsRows
      self.failure = failure
    }
  }

  enum Gathering {
    case needed, underWay
    /// The run ends, and it is to end too.
    case ending
    case done
  }

  /// Batches are begun with once nothing has to be compared any more (P4).
  mutating func nextGathering() -> [Action] {
    guard gathering == .needed, comparisons.isDone else { return [] }
    gathering = .underWay
    return [.gather]
  }

  /// A line of a batch was answered, which is durable in the ledger.
  mutating func collected(_ line: Spooled, _ receipt: Receipt, cost: Double?, _ tokens: LineTokens, fitted: Int) {
    tally.requests += 1
    tally.billedTokens += receipt.billedTokens
    tally.estimatedTokens += tokens.counted
    tally.cost = cost.map { $0 + (tally.cost ?? 0) }
    tally.fitted += fitted
    if job.sources[line.source].chunks != nil {
      assembly.add(line)
    } else {
      writes.add(
        WriteQueue.Entry(
          batch: line.id, source: line.source, page: nil, rowCount: line.rows, isFromBatch: true))
    }
  }

  mutating func gathered(_ gathered: Gathered) {
    gathering = .done
    spending.recount(gathered.spent)
    leavesPages = gathered.waiting > 0 || !gathered.readsRows
    tally.waiting = gathered.waiting
    if let failure = gathered.failure { end(.failed(failure)) }
  }
}
