import ArgumentParser
import Foundation

struct SetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Change the limits of a running job.",
    discussion: """
      rpm and tpm are the most requests and tokens a minute, concurrency is the most requests in flight, budget is in \
      dollars over all runs of the job. `none` removes the job's own limit; the provider's stays. It holds for this process \
      only, and `vecfill status` shows it (docs/steering.md).

      Example: `vecfill set rpm=500 concurrency=4`
      """)

  @Argument(
    help: ArgumentHelp(
      "What to set: rpm=, tpm=, concurrency= or budget= with a number or none.", valueName: "name=value"))
  var changes: [String]

  @Option(
    help: ArgumentHelp("The running job, by its name or its process's number, if there are several.", valueName: "job"))
  var job: String?

  func run() async throws {
    // A wrong argument is an error even if no run is at work. The run checks again, since it knows whether it has a price.
    try TermsChange.check(changes)
    var running = RunningJob()
    running.name = job
    try await running.ask("/set", changes)
  }
}
