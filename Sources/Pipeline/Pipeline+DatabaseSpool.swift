import Backfill
import Foundation
import Ledger

extension Pipeline {
  /// Keeps a reply in the database, before anything else is done with it; does nothing with `spool: ledger`.
  ///
  /// Returns why it could not: the run ends with that, once it has the replies to all that it has asked for. Those are in the
  /// ledger alone, as is one that came as the run was being given up.
  func kept(
    _ reply: EmbeddingReply, to batch: Batch, rows: [BatchRow], cost: Double?, spent: Double?, at date: Date
  ) async -> Failure? {
    guard let replies = begun.replies else { return nil }
    return await refusal {
      try await replies.keep(reply, to: batch, rows: rows, cost: cost, spent: spent, at: date)
    }
  }

  /// Removes what is settled from the database; returns why it could not. It is no harm if it stays: the next run finds its
  /// rows filled.
  func removed(_ batches: [BatchID]) async -> Failure? {
    await refusal { try await begun.replies?.settled(batches) }
  }

  /// Why the database could not do it; nil where it did, and where the run no longer waits for it.
  private func refusal(_ body: () async throws -> Void) async -> Failure? {
    do {
      try await body()
      return nil
    } catch is CancellationError {
      return nil
    } catch {
      return failure(error, "job \(job.name)")
    }
  }
}
