import ArgumentParser
import Migrations

struct MigrateNewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Write the two empty files of a new migration.",
    discussion: "Example: `vecfill migrate new \"add language\"`")

  @Argument(help: ArgumentHelp("What it does, e.g. \"add language\".", valueName: "words"))
  var words: String

  @Option(
    help: ArgumentHelp("The folder of migrations (default: those that ship with vecfill).", valueName: "folder"),
    completion: .directory)
  var migrations: String?

  func run() throws {
    let folder = try MigrateOptions.folder(migrations)
    for path in try MigrationDraft(words: words).write(version: MigrationSet.nextVersion(in: folder), to: folder) {
      print("wrote \(path)")
    }
  }
}
