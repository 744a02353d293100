import ArgumentParser
import Backfill
import Configuration
import Foundation

struct BatchFetchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch", abstract: "Write what a job's batches have brought, and submit nothing.",
    discussion: """
      Exit codes: 0 nothing waits any more, 75 rows still wait for the provider, and those of `vecfill run`.

      Example: `vecfill batch fetch job.yaml`
      """)

  @OptionGroup var options: WritingOptions

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let end = try output.end(of: options.spec)
    do {
      try await fetch(end)
      await end.tell(nil)
    } catch {
      await end.tell(error)
      throw error
    }
  }

  private func fetch(_ end: RunEnd) async throws {
    let configuration = try options.configuration()
    let job = try configuration.job()
    let logger = output.logger
    let work = try BatchWork(configuration, job, configuration.batchTerms(submits: false), logger)
    try await Database.with(configuration, job, for: .filling, maxOutage: .seconds(600)) { database in
      let stops = StopSignals(logger, grace: 20)
      let steering = Steering(Steering.Plan(requiresComplete: false), job.terms, stops.requests)
      let filling = Filling(
        job: job, configuration: configuration, logger: logger, stops: stops, batches: work, steering: steering)
      let ending = try await filling.rounds(database) { (_, first, summarize) async throws -> Ending in
        let summary = summarize(first, nil)
        end.take(summary)
        output.print(summary)
        return first.ending
      }
      try ending.check(requiringComplete: false)
    }
  }
}
