import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger

struct QuarantineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quarantine",
    abstract: "List the rows that got no vector and why, or let the next run try them again.",
    discussion: "Example: `vecfill quarantine retry 42 --source chat_messages`",
    subcommands: [List.self, Retry.self, Drop.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the rows in quarantine with their reasons.",
      discussion: "Example: `vecfill quarantine list --source chat_messages`")

    @Option(help: ArgumentHelp("Only the rows of this table.", valueName: "table"))
    var source: String?
    @OptionGroup var ledger: LedgerOption
    @Flag(help: "One JSON array, for machines.")
    var json = false

    func run() async throws {
      let path = try ledger.path()
      guard let ledger = try Ledger.openForReading(at: path) else {
        return print(LedgerOption.nothingYet(path, json: json))
      }
      try await ledger.refuseUnknown(table: source)
      let rows = try await ledger.quarantined(in: source)
      if json { return print(JSONLine.encode(rows)) }
      if rows.isEmpty { return print("no row is in quarantine") }
      for row in rows {
        let cause = Condemnation.Cause(named: row.failure)?.words ?? row.failure
        let place = "\(row.source) \(row.key)".onOneLine
        print("\(place)  \(cause): \(row.reason)  (run \(row.run), \(row.condemnedAt.formatted(.iso8601)))")
      }
    }
  }

  struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take rows out of quarantine, so that the next run embeds them again.",
      discussion: """
        Without a key: all rows, or all rows of --source. Before a key that begins with "-" write `--`.

        Example: `vecfill quarantine retry 42 --source chat_messages`
        """)

    @Argument(help: ArgumentHelp("The rows' keys; all rows without one.", valueName: "key"))
    var keys: [String] = []
    @Option(help: ArgumentHelp("The table that has these keys.", valueName: "table"))
    var source: String?
    @OptionGroup var ledger: LedgerOption

    func validate() throws {
      guard keys.isEmpty || source != nil else { throw ValidationError("keys need --source, the table that has them") }
    }

    func run() async throws {
      _ = try ledger.existing()
      let opened = try Ledger.open(at: ledger.path())
      try await opened.refuseUnknown(table: source)
      let held = try await Set(opened.quarantined(in: source).map { Array($0.key.utf8) })
      let named = Set(keys.map { Array($0.utf8) })
      let missing = named.subtracting(held).count
      if missing > 0 {
        let subject =
          named.count == 1
          ? "key \(keys[0].onOneLine) is"
          : "\(missing.grouped) of the \(named.count.grouped) keys \(missing == 1 ? "is" : "are")"
        Console.standard.warn(
          "\(subject) not in quarantine; `vecfill quarantine list` shows the keys that are")
      }
      let count = try await opened.release(source: source, keys: keys)
      print("\(count.grouped) \(count == 1 ? "row is" : "rows are") taken by the next run")
    }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forget the quarantined rows of a table that is gone or no longer filled.",
      discussion: "Example: `vecfill quarantine drop old_messages`")

    @Argument(help: ArgumentHelp("The table.", valueName: "table"))
    var source: String
    @OptionGroup var ledger: LedgerOption

    func run() async throws {
      _ = try ledger.existing()
      let opened = try Ledger.open(at: ledger.path())
      try await opened.refuseUnknown(table: source)
      let count = try await opened.release(source: source, keys: [])
      print("\(count.grouped) \(count == 1 ? "row is" : "rows are") forgotten")
    }
  }
}

extension Ledger {
  /// Throws a `Failure` with `.usage` where a table is named that no job has filled.
  fileprivate func refuseUnknown(table: String?) async throws {
    guard let table, try await tables(named: table).isEmpty else { return }
    let known = try await tables()
    let nearest = Spelling.nearest(to: table, in: known).map { "did you mean \($0)? " } ?? ""
    // What was given may be anything, a password among it (P10).
    throw Failure(
      .usage, "quarantine", "no table by that name is in the ledger \(path)",
      remedy: "\(nearest)it has \(known.isEmpty ? "none" : known.joined(separator: ", "))")
  }
}
