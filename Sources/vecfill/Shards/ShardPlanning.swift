import Backfill
import Configuration
import Ledger
import MessageStores
import Migrations
import Postgres

/// Cuts a job's tables into shards and stores the plan: `vecfill plan JOB --shards N|partitions`.
struct ShardPlanning: Sendable {
  let configuration: JobConfiguration
  let job: Job

  /// A plan that is stored, and what a person should know of it.
  struct Stored: Sendable {
    let plan: ShardPlan
    let isKept: Bool
    /// Of a plan of partitions, those that are none of its shards.
    let unplanned: [ShardRange.Partition]
  }

  /// What is asked for, as the database is.
  private struct Wish: Sendable {
    let count: ShardCount
    let works: [ShardWork]
    /// The partitions of all tables; nil where the key is cut.
    let partitions: [ShardRange.Partition]?
  }

  /// The stored plan; nil where there is none.
  func stored() async throws -> Stored? {
    try await Database.with(configuration, job, for: .reading) { database in
      let store = try postgres(database)
      guard let plan = try await store.plan(of: job.sources) else { return nil }
      return Stored(plan: plan, isKept: false, unplanned: try await store.unplanned(plan, job))
    }
  }

  /// Makes the plan that is asked for, or keeps the one that is stored where it is the same.
  ///
  /// Throws a `Failure` with `.configuration` while another plan is unfinished, and with `.locked` while somebody fills
  /// the tables.
  func plan(_ count: ShardCount) async throws -> Stored {
    try await Database.with(configuration, job, for: .filling) { database in
      let store = try postgres(database)
      let wish = Wish(
        count: count, works: try await store.works(of: job), partitions: try await partitions(for: count, store))
      func kept() async throws -> Stored? {
        guard let plan = try check(try await store.commonPlan(of: job.sources), wish) else { return nil }
        return Stored(plan: plan, isKept: true, unplanned: plan.unplanned(of: wish.partitions ?? []))
      }
      if let kept = try await kept() { return kept }
      try await store.prepareShards(of: job.sources)
      let (claims, locks) = try await database.claim(job, in: StateFolder().locks)
      defer { withExtendedLifetime(locks) {} }
      // Another process may have planned meanwhile.
      if let kept = try await kept() { return kept }
      try await ColumnCheck.refuseForeign(claims, of: job, store)
      try await checkSpool(store)
      var cuts: [[ShardCut]] = []
      for source in job.sources { cuts.append(try await cut(source, into: count, store)) }
      if count == .partitions { cuts = ShardCut.apart(cuts) }
      let upkeep = try IndexUpkeep(job, configuration, .console, mayBeAway: false)
      try await upkeep.check()
      for name in try await upkeep.begin() {
        Console.standard.log("index \(name) is away until `vecfill finish` has built it again")
      }
      try await store.store(cuts, of: job)
      guard let plan = try await store.plan(of: job.sources) else {
        throw Failure(.unavailable, "job \(job.name)", "its plan is gone again", remedy: "run the same command again")
      }
      return Stored(plan: plan, isKept: false, unplanned: [])
    }
  }

  /// nil where the key is to be cut. Throws a `Failure` with `.configuration` where no table has partitions, or they are
  /// too many.
  private func partitions(
    for count: ShardCount, _ store: PostgresMessageStore
  ) async throws -> [ShardRange.Partition]? {
    guard count == .partitions else { return nil }
    var all: [ShardRange.Partition] = []
    var shards = 0
    for source in job.sources {
      let own = try await store.partitions(of: source)
      all += own
      shards += max(1, own.count)
    }
    guard !all.isEmpty else {
      throw Failure(
        .configuration, "--shards partitions", "no table of the job \(job.name) has partitions",
        remedy: "cut it by the key: `vecfill plan JOB --shards N`")
    }
    guard shards <= ShardCount.most else {
      throw Failure(
        .configuration, "--shards partitions",
        "they would be \(shards.of("shard")), and a plan has at most \(ShardCount.most.grouped)",
        remedy: "cut it by the key: `vecfill plan JOB --shards N`")
    }
    return all
  }

  private func postgres(_ database: Database) throws(Failure) -> PostgresMessageStore {
    guard let store = database.store as? PostgresMessageStore else { throw .noShards(database.store.identity) }
    return store
  }

  /// Returns the plan where it is the wanted one; throws where it is another that may not be replaced.
  private func check(_ plan: ShardPlan?, _ wish: Wish) throws(Failure) -> ShardPlan? {
    guard let plan else { return nil }
    let isOfAnotherJob = plan.difference(from: wish.works) != nil
    if !isOfAnotherJob, isWanted(plan, wish) { return plan }
    let atWork = plan.shards.filter { $0.state == .working }
    guard atWork.isEmpty else {
      throw Failure(
        .locked, "job \(job.name)", "it is cut into \(plan.count) shards, and \(atWork.list)",
        remedy: "wait for them to end, or end them")
    }
    guard !isOfAnotherJob, plan.shards.contains(where: \.isBegun), !plan.unfinished.isEmpty else { return nil }
    throw Failure(
      .configuration, "job \(job.name)",
      "it is cut into \(plan.count) shards already, and \(plan.unfinished.list)",
      remedy: "run those shards to their end, then `vecfill finish JOB`")
  }

  /// A plan of partitions that was begun is gone on with, though others were attached since: a scheduler may plan again at
  /// each of its tries, and `vecfill finish` fills the others.
  private func isWanted(_ plan: ShardPlan, _ wish: Wish) -> Bool {
    switch wish.count {
    case .ranges(let count): return !plan.isOfPartitions && plan.count == count
    case .partitions:
      guard plan.isOfPartitions else { return false }
      let isUnderWay = plan.shards.contains { $0.isBegun || $0.state == .working } && !plan.unfinished.isEmpty
      return isUnderWay || !plan.isOutOfDate(for: wish.partitions ?? [])
    }
  }

  /// Vectors that are paid for and wait for a run of the whole job would be paid for again by the shards.
  private func checkSpool(_ store: PostgresMessageStore) async throws {
    let waiting = try await DatabaseURL(configuration.databaseURL().reveal()).spoolWaiting(
      for: job.sources, applicationName: "vecfill plan \(Host.name)")
    guard waiting.replies == 0 else {
      throw Failure(
        .configuration, "vecfill_spool",
        "the database holds vectors of \(waiting.rows.of("row")) that are paid for and not yet written",
        remedy: "run `vecfill run JOB --max-requests 1` with `spool: database` first, then plan again")
    }
    let path = try configuration.ledgerPath ?? StateFolder().ledger
    guard let ledger = try Ledger.openForReading(at: path) else { return }
    for source in job.sources {
      guard let column = try await store.column(of: source) else { continue }
      let rows = try await ledger.unwrittenRows(of: column, store.named(source), in: store.identity)
      guard rows == 0 else {
        throw Failure(
          .configuration, source.column,
          "the ledger \(path) holds vectors of \(rows.of("row")) of it that are paid for and not yet written",
          remedy: "`vecfill run JOB` with that ledger writes them; then plan again")
      }
    }
  }

  private func cut(
    _ source: Source, into count: ShardCount, _ store: PostgresMessageStore
  ) async throws -> [ShardCut] {
    let console = Console.standard
    defer { if console.isLive { console.show("") } }
    let progress = { @Sendable (rows: Int) in
      if console.isLive { console.show("\(source.name): \(rows.of("row")) to fill so far") }
    }
    return switch count {
    case .ranges(let count): try await store.cut(source, into: count, progress: progress)
    case .partitions: try await store.cutByPartition(source, progress: progress)
    }
  }
}

extension PostgresMessageStore {
  /// The partitions of the job's tables that no shard of its plan is; none where the plan is of ranges.
  func unplanned(_ plan: ShardPlan, _ job: Job) async throws -> [ShardRange.Partition] {
    guard plan.isOfPartitions else { return [] }
    var all: [ShardRange.Partition] = []
    for source in job.sources { all += try await partitions(of: source) }
    return plan.unplanned(of: all)
  }
}

extension [ShardPlan.Shard] {
  /// The first few in words, e.g. "shard 3 is at work (vecfill a pid 7); shards 5 to 8 are open".
  var list: String {
    var parts: [(first: ShardPlan.Shard, last: ShardPlan.Shard)] = []
    for shard in self {
      if let part = parts.last, part.last.number + 1 == shard.number, part.last.state == shard.state,
        shard.state != .working
      {
        parts[parts.count - 1].last = shard
      } else {
        parts.append((shard, shard))
      }
    }
    let shown = parts.prefix(10).map { part in
      let (first, last) = (part.first.number, part.last.number)
      guard first < last else { return "shard \(part.first)" }
      return "shards \(first) \(last == first + 1 ? "and" : "to") \(last) are \(part.first.state.rawValue)"
    }
    return (parts.count > shown.count ? shown + ["others"] : shown).joined(separator: "; ")
  }
}
