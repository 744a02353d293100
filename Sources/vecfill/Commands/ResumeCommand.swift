import ArgumentParser

struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let a paused job go on.",
    discussion: "It goes on where it was (docs/steering.md).")

  @OptionGroup var job: RunningJob

  func run() async throws {
    try await job.ask("/resume")
  }
}
