/// A database that refuses each row's vector, as by a trigger that fails.
extension Conductor {
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
