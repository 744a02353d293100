import ArgumentParser
import Backfill
import Migrations

struct MigrateLintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lint", abstract: "Name unsafe statements in migrations, and what to write instead.",
    discussion: "Reads the files alone; a finding makes the exit code 78.")

  @Option(help: ArgumentHelp("The folder of migrations (default: those that ship with vecfill).", valueName: "folder"))
  var migrations: String?

  func run() throws {
    let folder = try MigrateOptions.folder(migrations)
    var findings: [LintFinding] = []
    for dialect in Dialect.allCases {
      for finding in Linter.findings(in: try MigrationSet(in: folder, for: dialect), dialect)
      where !findings.contains(finding) {
        findings.append(finding)
      }
    }
    for finding in findings { print(finding) }
    guard findings.isEmpty else { throw ArgumentParser.ExitCode(Backfill.ExitCode.configuration.rawValue) }
    print("nothing unsafe in \(folder)")
  }
}
