import Backfill
import Foundation
import Ledger

extension Pipeline {
  /// Keeps a reply in the database, before anything else is done with it; does nothing with `spool: ledger`.
  ///
  /// Returns why it could not: the run ends with that, once the ledger has the reply. A reply that came as the run was
  /// being given up is in the ledger alone.
  func kept(
    _ reply: EmbeddingReply, to batch: Batch, rows: [BatchRow], cost: Double?, spent: Double?, at date: Date
  ) async throws -> Failure? {
    guard let replies = begun.replies else { return nil }
    do {
      try await replies.keep(reply, to: batch, rows: rows, cost: cost, spent: spent, at: date)
      return nil
    } catch is CancellationError {
      return nil
    } catch {
      return failure(error, "job \(job.name)")
    }
  }
}
