import ArgumentParser
import Backfill
import Configuration

/// Whether a run uses the provider's batch API.
struct BatchUseOptions: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: ArgumentHelp(
      "Submit rows to the provider's batch API, for less, and end with 75 while they wait (docs/batch.md). The default is the job's `mode`."
    ))
  var batch: Bool?

  @Flag(help: "With --batch: wait until the provider has answered.")
  var wait = false

  /// nil for a run that asks by requests.
  func terms(_ configuration: JobConfiguration, follows: Bool) throws -> BatchTerms? {
    guard batch ?? (configuration.mode == .batch) else {
      if wait { throw ValidationError("--wait is for --batch") }
      return nil
    }
    guard !follows else {
      throw ValidationError("--follow and --batch exclude each other: start the run again by cron, or add --wait")
    }
    try configuration.checkBatchUse()
    return configuration.batchTerms(waits: wait)
  }
}
