import ArgumentParser
import Backfill
import Foundation
import Ledger

struct LedgerCheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Look for damage in the ledger.",
    discussion: """
      Checks the file's pages, what belongs together, each state, and the checksum of each vector that waits in it. Changes \
      nothing, and may be used during a run: it reads a copy, for which the disk of temporary files needs as much space.

      Exit codes: 0 if nothing is wrong, 74 if something is or there is no ledger, 78 for a ledger of a newer vecfill.

      Example: `vecfill ledger check`
      """)

  @OptionGroup var ledger: LedgerOption

  func run() async throws {
    let path = try ledger.path()
    guard let found = try await Ledger.inspect(at: path) else { throw LedgerOption.missing(path) }
    for finding in found.findings { print(finding) }
    if let worst = found.findings.first { throw worst }
    let checksums =
      found.withoutChecksum == 0
      ? "each with its checksum" : "\(found.withoutChecksum.grouped) of an earlier version without a checksum"
    print(
      "\(path): nothing is wrong: version \(found.version)"
        + (found.isOlder ? " (of an earlier vecfill; the next run brings it up to date)" : "")
        + ", \(found.runs.of("run")), \(found.batches.of("request")), \(found.spooled) of them with vectors"
        + (found.spooled == 0 ? "" : ", \(checksums)"))
  }
}
