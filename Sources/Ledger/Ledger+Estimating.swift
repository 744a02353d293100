import Backfill
import Foundation
import GRDB

extension Ledger {
  /// What the ledger holds of a column that need not be paid for (again).
  package struct ColumnContents: Sendable {
    /// The ledger's id of the column.
    package let target: Int64
    /// The rows whose vectors are in the spool, with the digests of the texts that were embedded.
    package let spooled: [RowKey: TextDigest]
    /// The pieces of texts whose vectors are in the spool.
    package let pieces: [RowKey: PaidPieces]
    /// The key behind which a run begins; nil for the lowest.
    package let watermark: RowKey?
    /// Whether rows wait for a batch of the provider's.
    let waits: Bool
  }

  /// What the ledger holds of a column; nil where that is nothing, or vectors of another fingerprint, which a run doesn't
  /// go on with.
  ///
  /// - Parameter database: the database as its address spells it.
  package func contents(
    of identity: ColumnIdentity, _ source: Source, in database: String, fingerprint: Fingerprint
  ) async throws -> ColumnContents? {
    try await read { db in
      guard let known = try Ledger.target(of: identity, source, in: database, db),
        try Ledger.fingerprint(known, source).admits(fingerprint)
      else { return nil }
      let target: Int64 = try known.checked("id")
      var pieces: [RowKey: PaidPieces] = [:]
      if source.chunks != nil { pieces = try Ledger.pieces(of: target, db) }
      return ColumnContents(
        target: target, spooled: try Ledger.spooledTexts(of: target, db), pieces: pieces,
        watermark: try? known.decoded("watermark", as: RowKey.self),
        waits: try Ledger.hasRows(in: "under_way", of: target, db))
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
    guard !contents.spooled.isEmpty || contents.waits else { return rows }
    let digests = rows.digests
    let waiting = contents.waits ? try await underWay(digests, of: contents.target) : []
    return rows.filter { row in
      guard let digest = digests[row.key] else { return true }
      return contents.spooled[row.key] != digest && !waiting.contains(row.key)
    }
  }
}
