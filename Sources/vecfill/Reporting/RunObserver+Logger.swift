import Backfill
import Logging
import Pipeline

extension RunObserver {
  /// Logs each failure that is tried again and, up to a number, each row that goes into quarantine; and what keeping the
  /// vector indexes takes once the rows are counted.
  init(_ job: Job, _ shapes: [SourceShape], _ upkeep: IndexUpkeep, _ logger: Logger) {
    let count = Locked(0)
    self.init { failure in
      guard [.retry, .hold, .probe].contains(failure.kind.failureClass.reaction) else { return }
      logger.warning("\(job.model.provider): \(failure.summary)")
    } condemned: { rows in
      let before = count.withLock { count in
        defer { count += rows.count }
        return count
      }
      for row in rows.prefix(max(0, RunObserver.mostRows - before)) {
        let source = job.sources[row.source]
        logger.warning(
          "\(source.name) \(source.key) \(row.key): quarantined, \(row.condemnation.cause.words): \(row.condemnation.reason)"
        )
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
