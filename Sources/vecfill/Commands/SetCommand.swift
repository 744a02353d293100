import ArgumentParser
import Foundation

struct SetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Change the limits of a running job.",
    discussion: """
      rpm and tpm are the job's own limits of requests and tokens a minute, concurrency is the most requests in flight, \
      budget is in dollars over all runs of the job; `none` lifts what the job set. What the provider tells holds all the \
      same. It holds for this process alone, and `vecfill status` shows it (docs/steering.md).
      """)

  @Argument(
    help: ArgumentHelp("rpm=, tpm=, concurrency= or budget= with a number or none.", valueName: "name=value"))
  var changes: [String]

  @Option(
    help: ArgumentHelp("The running job, by its name or its process's number, where there are several."))
  var job: String?

  func run() async throws {
    var running = RunningJob()
    running.name = job
    try await running.ask("/set", changes)
  }
}
