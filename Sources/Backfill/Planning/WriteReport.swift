/// What a write did to the rows of its batches.
package struct WriteReport: Equatable, Sendable {
  package struct Batch: Equatable, Sendable {
    package let id: BatchID
    /// Rows that hold their vector now.
    package var written = 0
    /// Rows that were edited, deleted or filled meanwhile, or no longer meet the source's condition.
    package var changed: [RowKey] = []
    package var refused: [Refused] = []
    package var locked: Set<RowKey> = []
    package var unfilled: [BatchRow] = []

    package init(id: BatchID) {
      self.id = id
    }
  }

  package struct Refused: Equatable, Sendable {
    package let row: BatchRow
    package let reason: String
  }

  package var batches: [Batch]
  /// As in `WriteOutcome`.
  package var lockHolders: String
  package var hooks: String
  package var refusesAll = false
  package var leavesDoubt = false

  package init(batches: [Batch], lockHolders: String = "", hooks: String = "") {
    self.batches = batches
    self.lockHolders = lockHolders
    self.hooks = hooks
  }

  /// Why a row was not written, in words; nil where each was, or is left to others.
  var refusal: String? {
    if let refused = batches.lazy.flatMap(\.refused).first { return refused.reason }
    return batches.contains { !$0.unfilled.isEmpty }
      ? "it accepts the write and the row still lacks a vector of its text"
        + (hooks.isEmpty ? "" : "; look at \(hooks)") : nil
  }

  /// Tells the outcome of one write by its batches, of which each row is in one.
  package init(_ outcome: WriteOutcome, of batches: [(id: BatchID, rows: [BatchRow])]) {
    lockHolders = outcome.lockHolders
    hooks = outcome.hooks
    refusesAll = outcome.refusesAll
    leavesDoubt = outcome.leavesDoubt
    self.batches = batches.map { id, rows in
      var batch = Batch(id: id)
      for row in rows {
        if outcome.written.contains(row.key) {
          batch.written += 1
        } else if let reason = outcome.refused[row.key] {
          batch.refused.append(Refused(row: row, reason: reason))
        } else if outcome.locked.contains(row.key) {
          batch.locked.insert(row.key)
        } else if outcome.unfilled.contains(row.key) {
          batch.unfilled.append(row)
        } else {
          batch.changed.append(row.key)
        }
      }
      return batch
    }
  }
}
