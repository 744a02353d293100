/// A row that goes into quarantine, and why.
package struct CondemnedRow: Equatable, Sendable {
  /// The index of its source in the job.
  package let source: Int
  package let key: RowKey
  /// The digest of the text that it is condemned for.
  package let digest: TextDigest
  package let condemnation: Condemnation

  package init(source: Int, row: BatchRow, _ condemnation: Condemnation) {
    self.init(source: source, key: row.key, digest: row.digest, condemnation)
  }

  package init(source: Int, key: RowKey, digest: TextDigest, _ condemnation: Condemnation) {
    self.source = source
    self.key = key
    self.digest = digest
    self.condemnation = condemnation
  }
}

/// What is entered into the ledger together: one durable transaction.
package struct Settlement: Equatable, Sendable {
  package struct MovedWatermark: Equatable, Sendable {
    package let source: Int
    package let key: RowKey

    package init(source: Int, key: RowKey) {
      self.source = source
      self.key = key
    }
  }

  /// Batches that have ended: what the spool holds of them goes.
  package var batches: [BatchID] = []
  package var condemned: [CondemnedRow] = []
  package var watermarks: [MovedWatermark] = []
  package var tally = Tally()

  package init(batches: [BatchID] = [], condemned: [CondemnedRow] = [], watermarks: [MovedWatermark] = []) {
    self.batches = batches
    self.condemned = condemned
    self.watermarks = watermarks
  }
}
