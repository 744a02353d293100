import Backfill
import PgVector
import Postgres

/// A job's shards, as the database keeps them.
extension PostgresMessageStore {
  /// The stored plan of a job's tables, with who works on its shards; nil where none is stored. It takes no lock.
  ///
  /// Throws a `Failure` with `.configuration` where some of the tables have a plan, and others none or another one.
  package func plan(of sources: [Source]) async throws -> ShardPlan? {
    let parts = try await shards(of: sources)
    if let plan = try await plan(of: sources, parts) { return plan }
    guard let planned = parts.firstIndex(where: { !$0.isEmpty }) else { return nil }
    let other = parts.firstIndex { $0.first?.plan != parts[planned].first?.plan } ?? planned
    let count = parts[planned].count
    throw Failure(
      .configuration, "the plan of \(sources[planned].column)",
      "it has \(count) shards, and \(sources[other].column) of the same job has \(parts[other].isEmpty ? "none" : "others")",
      remedy: "finish the job as it was planned, or plan all of its tables: `vecfill plan JOB --shards \(count)`")
  }

  /// As `plan(of:)`, and nil as well where not all of the tables have the same one.
  package func commonPlan(of sources: [Source]) async throws -> ShardPlan? {
    try await plan(of: sources, shards(of: sources))
  }

  private func shards(of sources: [Source]) async throws -> [[StoredShard]] {
    var parts: [[StoredShard]] = []
    for source in sources {
      parts.append(try await shards(of: source) { try $0.read(on: $1) })
    }
    return parts
  }

  private func plan(of sources: [Source], _ parts: [[StoredShard]]) async throws -> ShardPlan? {
    guard let plan = ShardPlan(parts), let first = sources.first else { return nil }
    let (place, count) = (try await table(of: first).place, plan.count)
    let holders = try await read(first) { connection in
      var holders: [Int: String] = [:]
      for shard in 0..<count {
        guard let row = try AdvisoryLock(named: place.lockName(ofShard: shard)).holder(on: connection) else { continue }
        let name = row["name"].flatMap { $0.isEmpty ? nil : $0 } ?? "another process"
        holders[shard] = name + (row["address"].map { " at \($0)" } ?? "")
      }
      return holders
    }
    return ShardPlan(parts, holders: holders)
  }

  /// Makes sure that shards of the tables can be stored. Throws a `Failure` with the DDL where the role may not make their
  /// table.
  package func prepareShards(of sources: [Source]) async throws {
    for source in sources {
      try await shards(of: source) { try $0.create(on: $1) }
    }
  }

  /// What a job does with each of `sources`, their keys as the database names them.
  package func works(of job: Job) async throws -> [ShardWork] {
    var works: [ShardWork] = []
    for source in job.sources { works.append(ShardWork(job, try await named(source))) }
    return works
  }

  /// Stores what each table is cut into, in place of any plan, all at once. The caller has the claims.
  package func store(_ cuts: [[ShardCut]], of job: Job) async throws {
    let works = try await works(of: job)
    var tables: [PostgresShardTable] = []
    for source in job.sources { tables.append(try await shards(of: source) { table, _ in table }) }
    let stored = tables
    guard let first = job.sources.first else { return }
    try await read(first) { connection in
      try connection.transaction { connection in
        for (index, table) in stored.enumerated() { try table.replace(with: cuts[index], works[index], on: connection) }
      }
    }
  }

  /// Deletes the plan of the tables. The caller has the claims.
  package func forgetShards(of sources: [Source]) async throws {
    for source in sources {
      try await shards(of: source) { try $0.forget(on: $1) }
    }
  }

  func record(_ event: PostgresShardTable.Event, of shard: StoredShard, in source: Source) async throws {
    try await shards(of: source) { try $0.record(event, of: shard, on: $1) }
  }

  @discardableResult
  private func shards<Value: Sendable>(
    of source: Source, _ body: @escaping @Sendable (PostgresShardTable, isolated PostgresConnection) throws -> Value
  ) async throws -> Value {
    let place = try await table(of: source).place
    return try await records(at: place, of: source) { records, connection in
      try body(try PostgresShardTable(of: place, records.column, on: connection), connection)
    }
  }
}
