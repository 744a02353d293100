import ArgumentParser

struct StopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop a running job; run it again to go on.",
    discussion: """
      Requests in flight are awaited; a second `vecfill stop` cancels them. The run ends with 0, or with 81 under \
      --require-complete (docs/steering.md).

      Example: `vecfill stop nightly`
      """)

  @OptionGroup var job: RunningJob

  func run() async throws {
    try await job.ask("/stop")
  }
}
