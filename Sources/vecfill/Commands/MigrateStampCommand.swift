import ArgumentParser
import Migrations

struct MigrateStampCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stamp", abstract: "Record a version and all before it as applied, without running anything.",
    discussion: """
      For SQL that somebody else ran, and for files that were edited or removed after they were applied. The live schema is \
      compared first: if it differs from the files, you see where, and nothing is recorded. What \
      waits for the load is left out: the next `up` after the load records it. `down` leaves what is stamped.

      Example: `vecfill migrate stamp 3 job.yaml`
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
