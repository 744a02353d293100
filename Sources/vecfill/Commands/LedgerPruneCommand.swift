import ArgumentParser
import Backfill
import Foundation
import Ledger

struct LedgerPruneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Make the ledger smaller: add up what was settled long ago.",
    discussion: """
      The requests of a run that are older than the time you give become one sum for each day. What they cost still counts \
      against budgets and in `vecfill cost`. Runs that did nothing go. What is not yet written, the quarantine, and requests \
      that may have been paid without a reply stay as they are.

      May be used during a run. The file gets smaller only where no run is under way: until then the ledger uses the space \
      again.

      Example: `vecfill ledger prune --older-than 30d --dry-run`
      """)

  @Option(help: ArgumentHelp("Sum up what was settled longer ago than this, e.g. 30d or 12h.", valueName: "age"))
  var olderThan: Age

  @Flag(help: "Only show what would go.")
  var dryRun = false

  @OptionGroup var ledger: LedgerOption

  func run() async throws {
    let path = try ledger.path()
    guard let reading = try Ledger.openForReading(at: path) else { throw LedgerOption.missing(path) }
    let date = Date() - olderThan.seconds
    let told = "from before \(date.formatted(.iso8601))"
    guard !dryRun else {
      let found = try await reading.prunable(before: date)
      return print(
        "\(found.batches.of("request")) and \(found.runs.of("empty run")) \(told) would be added up and removed")
    }
    let ledger = try Ledger.open(at: path)
    let before = try await ledger.fileSize()
    let pruned = try await ledger.prune(before: date)
    print(
      "\(pruned.batches.of("request")) and \(pruned.runs.of("empty run")) \(told) are added up and removed; what they cost "
        + "still counts")
    let locks = try StateFolder().locks
    if let holder = try await ledger.jobs().lazy.compactMap({ $0.holder(in: locks) }).first {
      return print(
        "the file stays at \(before.bytes) while process \(holder.pid) is under way, which uses the space again; run this "
          + "once more after it")
    }
    let after = try await ledger.giveBackSpace()
    print(after < before ? "the file has \(after.bytes), and had \(before.bytes)" : "the file has \(after.bytes)")
  }
}

/// An age: "30d", "12h".
struct Age: ExpressibleByArgument {
  let seconds: TimeInterval

  init?(argument: String) {
    guard let match = argument.wholeMatch(of: #/([0-9]{1,5})(h|d)/#), let number = Int(match.1) else { return nil }
    seconds = TimeInterval(number * (match.2 == "d" ? 86_400 : 3_600))
  }
}
