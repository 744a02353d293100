import Backfill
import Ledger
import MessageStores

/// The end of a job's plan.
struct ShardFinish: Sendable {
  /// nil where none is stored, as after an earlier finish.
  let plan: ShardPlan?
  /// Of a plan of partitions, those that came after it: no shard has filled them.
  let unplanned: [ShardRange.Partition]
  private let job: Job
  private let store: PostgresMessageStore

  /// Throws a `Failure` with `.incomplete` that names the shards that are not done.
  init(_ job: Job, _ database: Database) async throws {
    guard let store = database.store as? PostgresMessageStore else {
      throw Failure.noShards(database.store.identity)
    }
    (self.job, self.store) = (job, store)
    plan = try await store.plan(of: job.sources)
    unplanned = if let plan { try await store.unplanned(plan, job) } else { [] }
    guard let plan, !plan.unfinished.isEmpty else { return }
    throw Failure(
      .incomplete, "job \(job.name)",
      "\(plan.unfinished.count) of its \(plan.count) shards \(plan.unfinished.count == 1 ? "is" : "are") not done: \(plan.unfinished.list)",
      remedy: "run each of them to its end, e.g. `vecfill run JOB --shard \(plan.unfinished[0].number)`")
  }

  /// Deletes the plan, and what the shards' runs had put into quarantine. The caller has the claims, and every row is filled.
  func end(_ rounds: Rounds) async throws {
    if plan != nil { try await store.forgetShards(of: job.sources) }
    try await rounds.ledger.releaseParts(of: rounds.columns.map(\.column.identity))
  }
}
