import ArgumentParser
import Backfill
import Foundation
import Migrations

struct MigrateDownCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "down", abstract: "Revert the newest migration, or all above a version.",
    discussion: """
      What vecfill found and did not make stays. Before vectors are dropped, you see how many and what they cost, and how \
      many are paid for and not yet written, and need --yes. While a run or a shard fills a column that would be dropped, \
      it exits with 80.

      Example: `vecfill migrate down job.yaml --to 2`
      """)

  @OptionGroup var options: MigrateOptions

  @Option(help: ArgumentHelp("The version to keep; 0 reverts all.", valueName: "version"))
  var to: Int?

  @Flag(help: "Drop what holds values, or lose paid vectors, without asking.")
  var yes = false

  func run() async throws {
    let reverted = try await options.migrating { migrator in
      // A person who is asked keeps nobody waiting: nothing is locked until then.
      let losses = try await migrator.losses(to: to)
      if !losses.isEmpty { try await confirm(losses, of: migrator.database.identity) }
      return try await migrator.down(to: to, losing: yes ? nil : losses)
    }
    print(reverted.isEmpty ? "nothing to revert" : "reverted \(reverted.count.of("migration"))")
  }

  private func confirm(_ losses: [Migrator.Loss], of identity: String) async throws {
    let columns = FilledColumns(try options.database.configuration(spec: options.spec), identity)
    for loss in losses {
      let column = "\(loss.table).\(loss.column)"
      if loss.values > 0 {
        let cost = try await columns.cost(of: loss.table, loss.column)
        Console.standard.log("drops \(loss.values.of("value")) of \(column)\(cost)")
      }
      if loss.unwritten > 0 {
        Console.standard.log(
          "loses \(loss.unwritten.of("vector")) of \(column), paid for and not written: a run of the job writes them")
      }
    }
    guard !yes else { return }
    guard isatty(STDIN_FILENO) == 1 else {
      throw Failure(
        .usage, "migrate down", "it would drop values or lose paid vectors", remedy: "add --yes if they may go")
    }
    Console.standard.log("Drop them? Type yes to go on:")
    guard readLine() == "yes" else { throw Failure(.usage, "migrate down", "not confirmed; nothing was changed") }
  }
}
