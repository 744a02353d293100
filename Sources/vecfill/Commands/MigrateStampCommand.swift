import ArgumentParser
import Migrations

struct MigrateStampCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stamp", abstract: "Record a version and all before it as applied, without running anything.",
    discussion: """
      For what somebody else ran, and for files that were edited or removed after they were applied. The live schema is \
      looked at first: what isn't as the files say is told, and nothing is recorded. What is stamped counts as found: \
      `down` leaves it as it is.
      """)

  @Argument(help: "The version.")
  var version: Int

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    let stamped = try await options.migrating { try await $0.stamp(to: version) }
    for line in stamped { print(line) }
    if stamped.isEmpty { print("nothing to record") }
  }
}
