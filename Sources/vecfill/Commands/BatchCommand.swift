import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger

struct BatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch", abstract: "Show, cancel or fetch what a job has submitted to the provider's batch API.",
    discussion: """
      `vecfill run JOB --batch` submits and fetches by itself (docs/batch.md); these are for a closer look.

      Example: `vecfill batch list job.yaml`
      """,
    subcommands: [BatchListCommand.self, BatchCancelCommand.self, BatchFetchCommand.self])
}

/// The batches of a job that have not ended, as the ledger has them.
struct OpenBatches {
  let ledger: Ledger
  let batches: [SubmittedBatch]

  /// - Parameter most: so many of those that ended last are among them.
  /// nil where the ledger knows no run of the job.
  static func of(_ configuration: JobConfiguration, ended most: Int = 0) async throws -> OpenBatches? {
    let path = try configuration.ledgerPath ?? StateFolder().ledger
    guard let ledger = try Ledger.openForReading(at: path),
      let job = try await ledger.jobs().first(where: { $0.job == configuration.jobName })
    else { return nil }
    return OpenBatches(ledger: ledger, batches: try await ledger.batches(of: job, ended: most))
  }
}
