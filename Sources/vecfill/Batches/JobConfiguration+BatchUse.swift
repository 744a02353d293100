import Backfill
import Configuration

extension JobConfiguration {
  /// Throws a `Failure` with `.configuration` where the job says what a run with the provider's batch API can't do.
  func checkBatchUse() throws {
    guard share == .none else {
      throw Failure(
        .configuration, "share: database", "a run with the provider's batch API can't share its limits and its budget",
        remedy: "take share out of the job, or run it with --no-batch")
    }
    guard try job().spool != .database else { throw Failure.noSpoolOfBatches }
  }
}

extension Failure {
  /// That `spool: database` is not for a provider's batches.
  static let noSpoolOfBatches = Failure(
    .configuration, "spool: database", "it is not for rows that the provider's batch API has",
    remedy: "leave it out: the provider keeps the answers of a batch; or run with --no-batch")
}
