import Backfill
import Configuration
import Ledger
import MessageStores
import Migrations
import Postgres

/// Cuts a job's tables into shards and stores the plan: `vecfill plan JOB --shards N`.
struct ShardPlanning: Sendable {
  let configuration: JobConfiguration
  let job: Job

  /// The stored plan; nil where there is none.
  func stored() async throws -> ShardPlan? {
    try await Database.with(configuration, job, for: .reading) { try await postgres($0).plan(of: job.sources) }
  }

  /// Makes a plan of so many shards, or keeps the one that is stored where it is the same.
  ///
  /// Throws a `Failure` with `.configuration` while another plan is unfinished, and with `.locked` while somebody fills
  /// the tables.
  func plan(_ count: Int) async throws -> (plan: ShardPlan, isKept: Bool) {
    try await Database.with(configuration, job, for: .filling) { database in
      let store = try postgres(database)
      let works = try await store.works(of: job)
      if let kept = try check(try await store.plan(of: job.sources), count, works) { return (kept, true) }
      try await store.prepareShards(of: job.sources)
      try await checkSpool(store)
      let (_, locks) = try await database.claim(job, in: StateFolder().locks)
      defer { withExtendedLifetime(locks) {} }
      // Another process may have planned meanwhile.
      if let kept = try check(try await store.plan(of: job.sources), count, works) { return (kept, true) }
      var cuts: [[ShardCut]] = []
      for source in job.sources { cuts.append(try await cut(source, into: count, store)) }
      let upkeep = try IndexUpkeep(job, configuration, .console, mayBeAway: false)
      try await upkeep.check()
      for name in try await upkeep.begin() {
        Console.standard.log("index \(name) is away until `vecfill finish` has built it again")
      }
      try await store.store(cuts, of: job)
      guard let plan = try await store.plan(of: job.sources) else {
        throw Failure(.unavailable, "job \(job.name)", "its plan is gone again", remedy: "run the same command again")
      }
      return (plan, false)
    }
  }

  private func postgres(_ database: Database) throws(Failure) -> PostgresMessageStore {
    guard let store = database.store as? PostgresMessageStore else { throw .noShards(database.store.identity) }
    return store
  }

  /// Returns the plan where it is the wanted one; throws where it is another that may not be replaced.
  private func check(_ plan: ShardPlan?, _ count: Int, _ works: [ShardWork]) throws(Failure) -> ShardPlan? {
    guard let plan else { return nil }
    let isOfAnotherJob = plan.difference(from: works) != nil
    if plan.count == count, !isOfAnotherJob { return plan }
    let atWork = plan.shards.filter { $0.state == .working }
    guard atWork.isEmpty else {
      throw Failure(
        .locked, "job \(job.name)", "it is cut into \(plan.count) shards, and shard \(atWork.list)",
        remedy: "wait for them to end, or end them")
    }
    guard !isOfAnotherJob, plan.shards.contains(where: \.isBegun), !plan.unfinished.isEmpty else { return nil }
    throw Failure(
      .configuration, "job \(job.name)",
      "it is cut into \(plan.count) shards already, and shard \(plan.unfinished.list)",
      remedy: "run those shards to their end, then `vecfill finish JOB`")
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

  private func cut(_ source: Source, into count: Int, _ store: PostgresMessageStore) async throws -> [ShardCut] {
    let console = Console.standard
    defer { if console.isLive { console.show("") } }
    return try await store.cut(source, into: count) { rows in
      if console.isLive { console.show("\(source.name): \(rows.of("row")) to fill so far") }
    }
  }
}

extension [ShardPlan.Shard] {
  /// The first few in words, e.g. "3 is at work (vecfill a pid 7); 5 is open".
  var list: String {
    let shown = prefix(10).map(\.description)
    return (count > shown.count ? shown + ["\(count - shown.count) more"] : shown).joined(separator: "; ")
  }
}
