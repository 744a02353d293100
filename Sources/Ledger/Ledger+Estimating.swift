import Backfill
import Foundation
import GRDB

extension Ledger {
  /// What the ledger holds of a column that need not be paid for (again).
  package struct ColumnContents: Sendable {
    /// The ledger's ids of the column, and of the parts of it that shards have filled.
    let targets: [Int64]
    /// The ledger's id of the column; that of a part where only shards have filled it.
    package var target: Int64 { targets[0] }
    /// The rows whose vectors are in the spool, with the digests of the texts that were embedded.
    package let spooled: [RowKey: TextDigest]
    /// The pieces of texts whose vectors are in the spool.
    package let pieces: [RowKey: PaidPieces]
    /// The key behind which a run begins; nil for the lowest.
    package let watermark: RowKey?
    /// Those of `targets` that have rows that wait for a batch of the provider's.
    let waiting: [Int64]
  }

  /// What the ledger holds of a column; nil where that is nothing, or vectors of another fingerprint, which a run doesn't
  /// go on with.
  ///
  /// - Parameter database: the database as its address spells it.
  package func contents(
    of identity: ColumnIdentity, _ source: Source, in database: String, fingerprint: Fingerprint
  ) async throws -> ColumnContents? {
    try await read { db in
      let whole = try Ledger.target(of: identity, source, in: database, db)
      // A run takes over what those of shards have left.
      let known = try ([whole].compactMap(\.self) + Ledger.parts(of: identity, db).map(\.target)).filter {
        try Ledger.fingerprint($0, source).admits(fingerprint)
      }
      guard !known.isEmpty else { return nil }
      var (spooled, pieces): ([RowKey: TextDigest], [RowKey: PaidPieces]) = ([:], [:])
      let targets = try known.map { try $0.checked("id", as: Int64.self) }
      for target in targets {
        try spooled.merge(Ledger.spooledTexts(of: target, db)) { own, _ in own }
        if source.chunks != nil { try pieces.merge(Ledger.pieces(of: target, db)) { own, _ in own } }
      }
      return ColumnContents(
        targets: targets, spooled: spooled, pieces: pieces,
        watermark: known.first == whole ? try? whole?.decoded("watermark", as: RowKey.self) : nil,
        waiting: try targets.filter { try Ledger.hasRows(in: "under_way", of: $0, db) })
    }
  }

  /// What the ledger holds of `source` of `job` in `store`; nil as in `contents(of:_:in:fingerprint:)`.
  package func contents(of source: Source, in store: any MessageStore, _ job: Job) async throws -> ColumnContents? {
    guard let column = try await store.column(of: source) else { return nil }
    let source = try await store.named(source)
    return try await contents(of: column, source, in: store.identity, fingerprint: job.fingerprint(of: source))
  }

  /// The rows of a page that are neither paid for nor wait for a provider's batch, with the text that they have.
  package func unpaid(_ rows: [Message], of contents: ColumnContents) async throws -> [Message] {
    // Where the ledger holds nothing, no text is digested for it.
    guard !contents.spooled.isEmpty || !contents.waiting.isEmpty else { return rows }
    let digests = rows.digests
    var waiting: Set<RowKey> = []
    for target in contents.waiting { waiting.formUnion(try await underWay(digests, of: target)) }
    return rows.filter { row in
      guard let digest = digests[row.key] else { return true }
      return contents.spooled[row.key] != digest && !waiting.contains(row.key)
    }
  }
}
