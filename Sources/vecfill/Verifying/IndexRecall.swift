import Backfill
import MessageStores

/// How many of the true neighbours an index of the column finds, for a few rows of it.
struct IndexRecall {
  let auditor: any ColumnAuditor
  let survey: TableSurvey

  /// So many rows' neighbours are looked for.
  static let searches = 10
  /// Below it a search misses more than it may.
  private static let leastGood = 0.9
  private static let leastBearable = 0.7

  /// nil where the column has no index that could be asked.
  func finding(of rows: [SampledRow], about: String) async throws -> VerifyFinding? {
    let indexes = survey.vectorIndexes.filter { $0.isOnColumn && $0.isValid }
    guard !indexes.isEmpty else { return nil }
    var vectors: [[Float]] = []
    var found: [[Double]] = []
    for row in rows.prefix(Self.searches) {
      guard let distances = try await auditor.neighboursByIndex(of: row.vector) else {
        return VerifyFinding(about, .skipped("recall", "a search by cosine distance uses no index of the column"))
      }
      vectors.append(row.vector)
      found.append(distances)
    }
    guard !vectors.isEmpty else { return nil }
    var recall = Recall(found: found)
    var after: RowKey?
    repeat {
      let (window, next) = try await auditor.neighboursExactly(of: vectors, after: after)
      recall.add(window: window)
      after = next
    } while after != nil
    return recall.share.map { VerifyFinding(about, Self.finding(of: $0, searches: vectors.count)) }
  }

  static func finding(of share: Double, searches: Int) -> Finding {
    let found =
      "the index finds \(share.percentDone) of the \(Recall.neighbours) nearest rows, over \(searches) searches"
    let next = "raise hnsw.ef_search (ivfflat.probes), or build the index anew"
    if share >= leastGood { return .ok("recall", found) }
    return share >= leastBearable
      ? .warning("recall", found, next: next) : .failed("recall", .badData, found, next: next)
  }
}

extension TableSurvey {
  /// How a vector index is made where there is none.
  var adviceOnIndex: String {
    (pieces?.isPartitioned ?? (kind == .partitioned))
      ? "make one on each partition by CREATE INDEX CONCURRENTLY, then one ON ONLY the table, and attach them"
      : "set index: {when: after} in the job, which makes one once the column is filled"
  }

  /// What there is to know of the indexes of the job's column; nothing where the database has no vector index.
  func indexFindings(about: String) -> [VerifyFinding] {
    guard hasRowSecurity != nil else { return [] }
    let own = vectorIndexes.filter(\.isOnColumn)
    guard !own.isEmpty else {
      let away = indexesAway.isEmpty ? "" : "; \(indexesAway.joined(separator: ", ")) is away since a load"
      return [
        VerifyFinding(
          about,
          .warning(
            "index", "none: a search reads every row\(away)",
            next: indexesAway.isEmpty ? adviceOnIndex : "`vecfill migrate restore`"))
      ]
    }
    return own.map { index in
      let name = "\(index.name), \(index.method)"
      return VerifyFinding(
        about,
        index.isValid
          ? .ok("index", "\(name) with \(index.operatorClass)")
          : .failed(
            "index", .badData, "\(name), is invalid: what built it did not end, and no search uses it",
            next: "DROP INDEX CONCURRENTLY \(index.name), then `vecfill migrate up JOB`"))
    }
  }
}
