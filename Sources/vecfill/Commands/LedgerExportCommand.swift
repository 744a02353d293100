import ArgumentParser
import Backfill
import Foundation
import Ledger

struct LedgerExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Print the ledger as JSON lines, for an audit or a warehouse.",
    discussion: """
      An object a line, by its `kind`: column, run, batch (a request), receipt (what it was billed), providerBatch and \
      quarantine. No text and no vector is in it. docs/ledger.md has the fields.

      Example: `vecfill ledger export > ledger.jsonl`
      """)

  @OptionGroup var ledger: LedgerOption

  func run() async throws {
    try await ledger.existing().export { lines in
      print(lines)
      guard fflush(nil) != 0 else { return }
      throw Failure(
        .localIO, "standard output", "not all of the ledger could be written: \(String(cString: strerror(errno)))",
        remedy: "free some space, or read all lines")
    }
  }
}
