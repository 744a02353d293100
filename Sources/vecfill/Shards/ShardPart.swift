import Backfill
import Logging
import MessageStores

/// The part of a job that a process does: all of it, or one shard of the stored plan.
struct ShardPart: Sendable {
  let job: Job
  let database: Database
  /// The shard's number; nil for all of the job.
  let number: Int?
  /// Since when the shard is done, in words; nil where it isn't, or the part is all.
  let done: Failure?
  private let store: PostgresShardStore?

  /// Throws a `Failure` with `.configuration` where the shard is not in the stored plan, or the plan is of another job.
  init(_ choice: ShardChoice?, of job: Job, _ database: Database, _ logger: Logger) async throws {
    let plan = try await Self.plan(of: job, database, choice)
    guard let choice, let plan, let whole = database.store as? PostgresMessageStore else {
      (self.job, self.database, number, done, store) = (job, database, nil, nil, nil)
      if let choice {
        logger.notice("\(ShardChoice.variable)=\(choice.text) is ignored: no plan of the job's shards is stored")
      } else if let open = plan?.shards.filter({ $0.state != .done }), !open.isEmpty {
        logger.warning(
          "this run fills the whole job, and its plan has \(open.count.of("open shard")): give --shard to fill one")
      }
      return
    }
    guard let number = choice.number else {
      throw Failure(
        .configuration, ShardChoice.variable,
        "it is [\(choice.text)], which is no number of a shard, and a plan of the job's shards is stored",
        remedy: "set it to a number from 0 to \(plan.count - 1), or unset it to fill the whole job")
    }
    try Self.check(number, of: plan, job, try await whole.works(of: job))
    var part = job
    for index in part.sources.indices { part.sources[index].newestBy = nil }
    if part.indexPolicy != .keep {
      part.indexPolicy = .keep
      logger.info("the vector indexes stay as they are: `vecfill finish` sees to them")
    }
    if job.share == .none, job.limits != Job.Limits() {
      logger.warning(
        "the limits hold for each shard alone, so that all may pass them together: `share: database` makes them one")
    }
    let shard = plan.shards[number]
    let name = "shard \(shard.number) of \(plan.count)" + (shard.partition.map { ": partition \($0.name)" } ?? "")
    logger.info("\(name), planned with \(shard.rows.of("row"))")
    let store = PostgresShardStore(whole, shard: number, of: plan, job.sources)
    self.job = part
    self.database = Database(store: store, shapes: database.shapes.map(\.withoutIndexes), warnings: database.warnings)
    self.store = store
    self.number = number
    done = shard.done.map {
      Failure(
        .complete, "\(job.name) shard \(shard.number)", "it is done since \($0) UTC",
        remedy: "`vecfill finish JOB` fills what came since")
    }
  }

  /// Records that nothing is left of it. The caller has the claims.
  func recordDone() async throws {
    try await store?.recordDone(in: job.sources)
  }

  private static func plan(of job: Job, _ database: Database, _ choice: ShardChoice?) async throws -> ShardPlan? {
    let isExplicit = choice?.isExplicit ?? false
    guard let whole = database.store as? PostgresMessageStore else {
      guard isExplicit else { return nil }
      throw Failure.noShards(database.store.identity)
    }
    // A run of the whole job needs none, and may not be allowed to read it.
    guard let choice else { return try? await whole.plan(of: job.sources) }
    if let plan = try await whole.plan(of: job.sources) { return plan }
    guard isExplicit else { return nil }
    throw Failure(
      .configuration, "job \(job.name)", "no plan of its shards is stored, so there is no shard \(choice.text)",
      remedy: "`vecfill plan JOB --shards N` makes one; where it was finished, nothing is left to do")
  }

  private static func check(_ number: Int, of plan: ShardPlan, _ job: Job, _ works: [ShardWork]) throws(Failure) {
    let name = "job \(job.name)"
    guard number < plan.count else {
      throw Failure(
        .configuration, name, "there is no shard \(number): its plan has \(plan.count), from 0 to \(plan.count - 1)",
        remedy: "give as many processes as there are shards")
    }
    if let difference = plan.difference(from: works) {
      throw Failure(
        .configuration, name, "it \(difference)",
        remedy: "set the job back, or plan it again: `vecfill plan JOB --shards \(plan.count)`")
    }
    try job.checkShardsBudget()
  }
}

extension Job {
  /// Throws a `Failure` with `.configuration` where each of the job's shards could spend the whole budget (P5).
  func checkShardsBudget() throws(Failure) {
    guard budget != nil, share == .none else { return }
    throw Failure(
      .configuration, "budget", "each shard would spend all of it",
      remedy: "write `share: database` in the job, so that all shards share it")
  }
}

extension Failure {
  /// That a database is none whose tables can be cut.
  static func noShards(_ database: String) -> Failure {
    Failure(
      .configuration, database, "only a table in PostgreSQL can be cut into shards: one process fills a SQLite file",
      remedy: "fill it with `vecfill run JOB`")
  }
}

extension SourceShape {
  /// As a run takes it that has nothing to do with the table's vector indexes.
  fileprivate var withoutIndexes: SourceShape {
    SourceShape(
      keyKind: keyKind, vectorType: vectorType, indexes: Indexes(tableRows: indexes.tableRows), warnings: warnings,
      countsBlank: countsBlank, lacksColumn: lacksColumn)
  }
}
