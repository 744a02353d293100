import Backfill

/// A PostgreSQL database as the run of one shard sees it: the rows of its range, and a lock, a watermark and a proof of its
/// own. What is true of a whole column is asked of the whole store.
package struct PostgresShardStore: MessageStore {
  private let whole: PostgresMessageStore
  private let number: Int
  /// By column, as `Source.column` names it.
  private let shards: [String: StoredShard]

  /// - Parameter plan: a plan of `sources` that has the shard `number`.
  package init(_ whole: PostgresMessageStore, shard number: Int, of plan: ShardPlan, _ sources: [Source]) {
    self.whole = whole
    self.number = number
    shards = Dictionary(
      zip(sources.map(\.column), plan.parts.map { $0[number] }), uniquingKeysWith: { first, _ in first })
  }

  package var identity: String { whole.identity }
  package var mostWriters: Int { whole.mostWriters }

  private func shard(of source: Source) throws -> StoredShard {
    if let shard = shards[source.column] { return shard }
    throw Failure(.configuration, source.column, "the plan has no shards of it", remedy: "plan the job again")
  }

  package func lastKey(of source: Source) async throws -> RowKey? {
    let range = try shard(of: source).range
    if range.isEmpty { return nil }
    if let through = range.through { return through }
    return try await whole.lastKey(of: source, in: range)
  }

  package func page(of source: Source, _ request: PageRequest) async throws -> MessagePage {
    let range = try shard(of: source).range
    if range.isEmpty { return MessagePage([], continuesAfter: nil) }
    var request = request
    request.isByColumn = false
    request.after = request.after ?? range.after
    request.through = request.through ?? range.through
    return try await whole.page(of: source, in: range.partition, request)
  }

  package func countRemaining(in source: Source) async throws -> Int {
    try await whole.countRemaining(in: source, shard(of: source).range)
  }

  package func column(of source: Source) async throws -> ColumnIdentity? {
    let shard = try shard(of: source)
    return try await whole.column(of: source).map { $0.part(shard) }
  }

  package func claim(_ source: Source) async throws -> ColumnClaim {
    let shard = try shard(of: source)
    let claim = try await whole.claim(source, shard: number)
    try await whole.record(.begun, of: shard, in: source)
    return ColumnClaim(
      column: claim.column.part(shard), recorded: claim.recorded, relatives: claim.relatives, warnings: claim.warnings)
  }

  /// Records that nothing is left of the shard. The caller has the claims.
  package func recordDone(in sources: [Source]) async throws {
    for source in sources { try await whole.record(.done, of: shard(of: source), in: source) }
  }

  package func close() async { await whole.close() }
}

/// What is the same for a shard as for the whole column.
extension PostgresShardStore {
  package func inspect(_ source: Source, dimensions: Int, for access: StoreAccess) async throws -> SourceShape {
    try await whole.inspect(source, dimensions: dimensions, for: access)
  }

  package func write(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome {
    try await whole.write(rows, to: source)
  }

  package func load(_ rows: [EmbeddedRow], to source: Source) async throws -> WriteOutcome {
    try await whole.load(rows, to: source)
  }

  package func removePieces(of keys: [RowKey], in source: Source) async throws {
    try await whole.removePieces(of: keys, in: source)
  }

  package func emptyVectors(of keys: [RowKey], in source: Source) async throws {
    try await whole.emptyVectors(of: keys, in: source)
  }

  package func nearest(to vector: [Float], in source: Source, limit: Int) async throws -> [Neighbour] {
    try await whole.nearest(to: vector, in: source, limit: limit)
  }

  package func vectors(of rows: [RowKey: TextDigest], in source: Source) async throws -> [RowKey: [Float]] {
    try await whole.vectors(of: rows, in: source)
  }

  package func named(_ source: Source) async throws -> Source { try await whole.named(source) }

  package func filled(in source: Source, limit: Int) async throws -> FilledSample {
    try await whole.filled(in: source, limit: limit)
  }

  package func record(_ fingerprint: Fingerprint, of source: Source) async throws -> String? {
    try await whole.record(fingerprint, of: source)
  }

  package func forget(_ source: Source) async throws -> ColumnIdentity? { try await whole.forget(source) }
}
