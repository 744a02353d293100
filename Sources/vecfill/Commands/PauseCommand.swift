import ArgumentParser

struct PauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Pause a running job.",
    discussion: """
      It begins nothing new. Replies under way are awaited and written. It can still be stopped (docs/steering.md).

      Example: `vecfill pause`
      """)

  @OptionGroup var job: RunningJob

  func run() async throws {
    try await job.ask("/pause")
  }
}
