/// A database that refuses each row's vector, as by a trigger that fails.
extension Conductor {
  /// A run that has written a row before, or could not try a row because it is locked, ends at this many refused writes in
  /// a row: the cause may pass, and the locked row may take a vector.
  private static let refusedWritesThatEnd = 3

  /// Counts a write whose rows the database refused, all of them. Returns the reason if the run has to end; nil if it goes on.
  mutating func refusal(of source: Int, by report: WriteReport) -> String? {
    guard report.refusesAll, let why = report.refusal else { return nil }
    let count = refusedWrites[source, default: 0] + 1
    refusedWrites[source] = count
    let isPlain = !hasWritten.contains(source) && !report.leavesDoubt
    return isPlain || count >= Self.refusedWritesThatEnd ? why : nil
  }

  /// Ends the run before more is paid for. Nothing goes into quarantine, since no row is at fault, and what was received
  /// stays in the ledger's spool, where the next run finds it.
  mutating func refusesAll(of source: Int, _ reason: String, to writer: Int) {
    writes.failed(by: writer)
    canWrite = false
    end(
      .failed(
        Failure(
          .configuration, job.sources[source].name, "the database refuses every row's vector: \(reason)",
          remedy: "mend that and run the same command again; what is paid for is kept in the ledger")))
  }
}
