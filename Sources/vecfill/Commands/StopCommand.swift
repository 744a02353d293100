import ArgumentParser

struct StopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop a running job, which ends with 0, or with 81 under --require-complete.",
    discussion: "As SIGTERM does: what is in flight is awaited; a second time cancels it (docs/steering.md).")

  @OptionGroup var job: RunningJob

  func run() async throws {
    try await job.ask("/stop")
  }
}
