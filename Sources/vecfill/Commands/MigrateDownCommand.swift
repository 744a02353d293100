import ArgumentParser
import Backfill
import Foundation
import Migrations

struct MigrateDownCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "down", abstract: "Revert the newest migration, or all above a version.",
    discussion: """
      What vecfill found and did not make stays. Before vectors are dropped, you see how many and what they cost, and need \
      --yes.

      Example: `vecfill migrate down job.yaml --to 2`
      """)

  @OptionGroup var options: MigrateOptions

  @Option(help: ArgumentHelp("The version to keep; 0 reverts all.", valueName: "version"))
  var to: Int?

  @Flag(help: "Drop what holds values without asking.")
  var yes = false

  func run() async throws {
    let reverted = try await options.migrating { migrator in
      let losses = try await migrator.losses(to: to)
      if !losses.isEmpty { try await confirm(losses, of: migrator.database.identity) }
      return try await migrator.down(to: to)
    }
    print(reverted.isEmpty ? "nothing to revert" : "reverted \(reverted.count.of("migration"))")
  }

  private func confirm(_ losses: [Migrator.Loss], of identity: String) async throws {
    let columns = FilledColumns(try options.database.configuration(spec: options.spec), identity)
    for loss in losses {
      let cost = try await columns.cost(of: loss.table, loss.column)
      Console.standard.log("drops \(loss.values.of("value")) of \(loss.table).\(loss.column)\(cost)")
    }
    guard !yes else { return }
    guard isatty(STDIN_FILENO) == 1 else {
      throw Failure(.usage, "migrate down", "it would drop values", remedy: "add --yes if they may go")
    }
    Console.standard.log("Drop them? Type yes to go on:")
    guard readLine() == "yes" else { throw Failure(.usage, "migrate down", "not confirmed; nothing was changed") }
  }
}
