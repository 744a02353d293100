import Backfill
import Foundation

/// The replies that a run has in the database's spool, and which of the ledger's batches each is.
package final class DatabaseReplies: Sendable {
  private let spool: any DatabaseSpool
  /// The run's name in the database: its number is a ledger's own.
  let run: UUID
  private let columns: [LedgerColumn]
  private let entries = Locked<[BatchID: SpoolEntry.ID]>([:])
  /// Whether the database has refused to keep a reply: the run is ending, and does not wait for it again.
  private let hasFailed = Locked(false)

  init(_ spool: any DatabaseSpool, run: UUID, columns: [LedgerColumn]) {
    self.spool = spool
    self.run = run
    self.columns = columns
  }

  /// The database holds the reply of a batch.
  func add(_ id: BatchID, _ entry: SpoolEntry.ID) {
    entries.withLock { $0[id] = entry }
  }

  /// Keeps a reply to a batch of this run in the database, durable when it returns (P2).
  ///
  /// - Parameters:
  ///   - rows: those of the batch's rows that got a usable vector.
  ///   - cost: dollars; nil where no price is known.
  ///   - spent: what a budget counts for it.
  ///
  /// Throws a `Failure` where the database can't keep it, at the first such reply, and a `CancellationError` where it was no
  /// longer waited for.
  package func keep(
    _ reply: EmbeddingReply, to batch: Batch, rows: [BatchRow], cost: Double?, spent: Double?, at date: Date
  ) async throws {
    // What no row waits for, as the reply to a probe, is never written.
    guard !rows.isEmpty, !hasFailed.withLock(\.self) else { return }
    let column = columns[batch.source]
    let id = SpoolEntry.ID(column: column.identity, run: run, number: batch.id.number)
    let receipt = SpoolReceipt(
      requestID: reply.requestID, inputs: batch.contents.texts.count,
      tokens: reply.billedTokens ?? batch.contents.tokenCount, isCounted: reply.billedTokens == nil, cost: cost,
      spent: spent, fittedRows: batch.contents.fittedRows, isPlacedByOrder: reply.isPlacedByOrder, receivedAt: date)
    let entry = try SpoolEntry(id, rows, reply.vectors, receipt, of: column)
    add(batch.id, id)
    try await trying { try await spool.put(entry) }
  }

  /// The ledger has settled these batches: what the database holds of them goes.
  package func settled(_ batches: [BatchID]) async throws {
    let ended = entries.withLock { entries in batches.compactMap { entries.removeValue(forKey: $0) } }
    try await trying { try await spool.remove(ended) }
  }

  private func trying(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let failure as Failure {
      let isFirst = hasFailed.withLock { hasFailed in
        defer { hasFailed = true }
        return !hasFailed
      }
      if isFirst { throw failure }
    }
  }
}
