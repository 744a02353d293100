import ArgumentParser
import Migrations
import Postgres

struct MigrateRestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Put back the vector indexes that a run took away, without waiting for its end.",
    discussion: """
      A run with `index: {when: rebuild}` puts them back itself when every row has its vector. This is for a load that \
      will not end soon: the rows that it has yet to write are then written into the indexes, slowly.
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
