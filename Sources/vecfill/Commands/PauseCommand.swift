import ArgumentParser

struct PauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Let a running job begin nothing new until it is resumed.",
    discussion: "What was asked for is awaited and written. Stops and bounds work meanwhile (docs/steering.md).")

  @OptionGroup var job: RunningJob

  func run() async throws {
    try await job.ask("/pause")
  }
}
