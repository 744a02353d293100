import ArgumentParser
import Migrations
import Postgres

struct MigrateRestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Build the vector indexes that a run dropped, now.",
    discussion: """
      A run with `index: {when: rebuild}` builds them itself when every row has its vector. Use this if the load won't end \
      soon. Rows that it still has to write are then written into the indexes, slowly.

      Example: `vecfill migrate restore`
      """)

  @OptionGroup var database: MigrationDatabaseOption

  func run() async throws {
    let url = try database.url()
    var restored: [String] = []
    if case .postgres = url.engine {
      restored = try await IndexLife.with(
        url, of: url, applicationName: database.applicationName, narrator: .console
      ) { try await $0.restore() }
    }
    print(restored.isEmpty ? "no index is away" : "put back \(restored.joined(separator: ", "))")
  }
}
