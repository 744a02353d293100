import Backfill
import Logging
import Pipeline

extension RunObserver {
  /// Tells of requests, and of each row that goes into quarantine up to a number of them; and what keeping the vector
  /// indexes takes once the rows are counted.
  init(_ job: Job, _ shapes: [SourceShape], _ upkeep: IndexUpkeep, _ requests: RequestLog, _ logger: Logger) {
    let count = Locked(0)
    self.init { inputs, receipt in
      requests.answered(inputs: inputs, receipt)
    } requestFailed: { failure in
      requests.failed(failure)
    } foundFailing: { size in
      logger.warning("\(size)")
    } condemned: { rows in
      let before = count.withLock { count in
        defer { count += rows.count }
        return count
      }
      for row in rows.prefix(max(0, RunObserver.mostRows - before)) {
        let source = job.sources[row.source]
        let cause = row.condemnation.cause.words
        logger.tell(
          .warning, .rowQuarantined,
          "\(source.name) \(source.key) \(row.key): quarantined, \(cause): \(row.condemnation.reason)",
          [
            "table": .string(source.name), "key": .string("\(row.key)"), "cause": .string(cause),
            "reason": .string(row.condemnation.reason),
          ])
      }
      if before < RunObserver.mostRows, before + rows.count >= RunObserver.mostRows {
        logger.warning("further quarantined rows are not logged; `vecfill quarantine list` has them all")
      }
    } counted: { source, missing in
      let indexes = shapes[source].indexes
      upkeep.adviseOnKept(
        job.sources[source], missing: missing, total: indexes.tableRows ?? missing, indexes: indexes.present)
    }
  }

  private static let mostRows = 20
}
