import Backfill
import Foundation
import GRDB

/// Settled batches of long ago are added up: the sums stay, so that budgets and costs count what they did.
extension Ledger {
  /// What was removed, or would be.
  package struct Pruned: Equatable, Sendable {
    package var batches = 0
    package var runs = 0

    package init(batches: Int = 0, runs: Int = 0) {
      self.batches = batches
      self.runs = runs
    }
  }

  /// What `prune` would remove.
  package func prunable(before date: Date) async throws -> Pruned {
    var pruned = Pruned()
    var slice: BatchSlice? = BatchSlice()
    while let next = slice {
      let (count, end) = try await read { db in
        let count =
          try Int.fetchOne(
            db, sql: "SELECT COUNT(*) FROM (\(BatchSlice.chosen))", arguments: next.arguments(before: date)) ?? 0
        return (count, try next.end(db))
      }
      pruned.batches += count
      slice = end
    }
    // Without the runs that only become empty by it.
    pruned.runs = try await read { db in
      try Int.fetchOne(
        db, sql: "SELECT COUNT(*) FROM (\(Ledger.emptyRuns))", arguments: [date.timeIntervalSince1970, -1]) ?? 0
    }
    return pruned
  }

  /// Adds up the batches that were settled before `date`, day by day for each run and column, and removes them, the
  /// requests of old runs that were refused and cost nothing, and old runs of which nothing is left. In short transactions
  /// with pauses, so that a run beside it goes on; each leaves all sums as they were.
  ///
  /// What is not settled stays, and so do vectors that are kept, the quarantine, watermarks, and batches that may have been
  /// paid without a reply.
  package func prune(before date: Date) async throws -> Pruned {
    var pruned = Pruned()
    var slice: BatchSlice? = BatchSlice()
    while let next = slice {
      let (count, end) = try await write { db in
        // The end is looked for first: its batch may be among those that go.
        let end = try next.end(db)
        return (try Ledger.fold(next, before: date, db), end)
      }
      pruned.batches += count
      slice = end
      try await Ledger.letOthersWrite()
    }
    while true {
      let count = try await write { db in try Ledger.removeEmptyRuns(before: date, db) }
      pruned.runs += count
      guard count == BatchSlice.size else { return pruned }
      try await Ledger.letOthersWrite()
    }
  }

  /// Gives the disk what removed batches have left free; nobody else can write meanwhile. Returns the file's size then.
  package func giveBackSpace() async throws -> Int {
    try await writeWithoutTransaction { db in
      let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
      let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
      if free > pages / 10 { try db.execute(sql: "VACUUM") }
    }
    return try await fileSize()
  }

  /// The file's size in bytes.
  package func fileSize() async throws -> Int {
    try await read { db in
      try (Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0) * (Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
    }
  }

  /// Whether batches of a run were removed.
  static func isPruned(_ run: Int64, _ db: Database) throws -> Bool {
    try Bool.fetchOne(
      db, sql: "SELECT EXISTS (SELECT 1 FROM batch WHERE run_id = ? AND number < 0)", arguments: [run]) == true
  }

  /// SQLite lets whoever waits look again each 100 ms at the latest.
  private static func letOthersWrite() async throws {
    try await Task.sleep(for: .milliseconds(120))
  }

  private static func fold(_ slice: BatchSlice, before date: Date, _ db: Database) throws -> Int {
    try db.execute(
      sql: """
        CREATE TEMP TABLE IF NOT EXISTS chosen (
          run_id INTEGER, number INTEGER, target_id INTEGER, state TEXT, PRIMARY KEY (run_id, number)) WITHOUT ROWID;
        DELETE FROM chosen;
        """)
    try db.execute(sql: "INSERT INTO chosen \(BatchSlice.chosen)", arguments: slice.arguments(before: date))
    let count = db.changesCount
    guard count > 0 else { return 0 }
    try db.execute(sql: foldStatements)
    return count
  }

  private static let sums = "(SELECT DISTINCT run_id, -target_id FROM chosen WHERE state = 'settled')"
  private static let those = "(SELECT run_id, number FROM chosen)"

  private static let added = """
    inputs, billed_tokens, is_counted_here, cost, spent, received_at, fitted_rows, is_placed_by_order, requests
    """

  private static let foldStatements = """
    INSERT INTO batch (run_id, number, target_id, state, inputs, tokens)
      SELECT run_id, -chosen.target_id, chosen.target_id, 'settled', SUM(inputs), SUM(tokens)
      FROM chosen JOIN batch USING (run_id, number) WHERE chosen.state = 'settled'
      GROUP BY run_id, chosen.target_id
      ON CONFLICT (run_id, number) DO UPDATE SET inputs = inputs + excluded.inputs, tokens = tokens + excluded.tokens;
    CREATE TEMP TABLE folded AS
      SELECT run_id, number, SUM(inputs) AS inputs, SUM(billed_tokens) AS billed_tokens, is_counted_here,
        SUM(cost) AS cost, SUM(spent) AS spent, MAX(received_at) AS received_at, SUM(fitted_rows) AS fitted_rows,
        is_placed_by_order, SUM(requests) AS requests
      FROM (
        SELECT run_id, number, \(added) FROM receipt WHERE (run_id, number) IN \(sums)
        UNION ALL
        SELECT run_id, -target_id, \(added) FROM chosen JOIN receipt USING (run_id, number))
      GROUP BY run_id, number, inputs > 0, is_counted_here, is_placed_by_order, cost IS NULL, spent IS NULL,
        date(received_at, 'unixepoch');
    DELETE FROM receipt WHERE (run_id, number) IN \(sums);
    DELETE FROM receipt WHERE (run_id, number) IN \(those);
    INSERT INTO receipt (run_id, number, \(added)) SELECT run_id, number, \(added) FROM folded;
    DROP TABLE folded;
    DELETE FROM provider_line WHERE (run_id, number) IN \(those);
    DELETE FROM batch WHERE (run_id, number) IN \(those);
    """

  /// The runs that ended before ?1 and of which nothing is left, older than the one by which their job was last complete:
  /// later ones are gone on with. The newest of all stays, since its number would come again, and so does the one that
  /// knows how the job's tokens are billed.
  private static let emptyRuns = """
    SELECT run.id FROM run
      JOIN (SELECT job, targets, MAX(id) AS id FROM run WHERE state = 'completed' GROUP BY job, targets) AS complete
        ON complete.job = run.job AND complete.targets = run.targets AND run.id < complete.id
    WHERE run.state <> 'running' AND COALESCE(ended_at, started_at) < ?1
      AND run.id NOT IN (
        SELECT MAX(id) FROM run WHERE json_valid(tally) AND json_extract(tally, '$.billedPerEstimated') > 0
        GROUP BY job, model)
      AND NOT EXISTS (SELECT 1 FROM batch WHERE run_id = run.id)
      AND run.id NOT IN (SELECT run_id FROM provider_batch)
      AND run.id NOT IN (SELECT run_id FROM quarantine)
      AND run.id NOT IN (SELECT run_id FROM sent)
    LIMIT ?2
    """

  private static func removeEmptyRuns(before date: Date, _ db: Database) throws -> Int {
    let time = date.timeIntervalSince1970
    // No limit a minute counts them any more, and no request comes that would remove them.
    try db.execute(
      sql: "DELETE FROM sent WHERE sent_at < ?", arguments: [min(time, Date().timeIntervalSince1970 - 3_600)])
    try db.execute(
      sql: """
        DELETE FROM provider_batch
        WHERE state NOT IN ('intended', 'uploaded', 'submitted') AND ended_at < ?
          AND id NOT IN (SELECT provider_batch FROM provider_line)
          AND id IS NOT (SELECT id FROM provider_batch WHERE state = 'overEnqueued' ORDER BY ended_at DESC LIMIT 1)
        """, arguments: [time])
    try db.execute(
      sql: "DELETE FROM run WHERE id IN (\(emptyRuns))", arguments: [time, BatchSlice.size])
    return db.changesCount
  }
}
