import ArgumentParser
import Migrations

struct MigrateStampCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stamp", abstract: "Record a version and all before it as applied, without running anything.",
    discussion: "What is stamped counts as found: `down` leaves it as it is.")

  @Argument(help: "The version.")
  var version: Int

  @OptionGroup var options: MigrateOptions

  func run() async throws {
    let stamped = try await options.migrating { try await $0.stamp(to: version) }
    for migration in stamped { print("\(migration): recorded as applied") }
    if stamped.isEmpty { print("nothing to record") }
  }
}
