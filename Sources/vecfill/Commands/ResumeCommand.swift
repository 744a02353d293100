import ArgumentParser

struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Resume a paused job.",
    discussion: """
      It goes on where it was (docs/steering.md).

      Example: `vecfill resume`
      """)

  @OptionGroup var job: RunningJob

  func run() async throws {
    try await job.ask("/resume")
  }
}
