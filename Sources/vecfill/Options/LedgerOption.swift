import ArgumentParser
import Backfill
import Foundation
import Ledger

/// The ledger's file, for the commands that need no job.
struct LedgerOption: ParsableArguments {
  @Option(help: ArgumentHelp("The ledger's file.", valueName: "path"))
  var ledger: String?

  func path() throws(Failure) -> String {
    if let path = ledger ?? ProcessInfo.processInfo.environment["VECFILL_LEDGER"] { return path }
    return try StateFolder().ledger
  }

  /// The ledger, which has to be there.
  func existing() throws -> Ledger {
    let path = try path()
    guard let ledger = try Ledger.openForReading(at: path) else {
      throw Failure(.localIO, path, "there is no ledger", remedy: "give its path with --ledger")
    }
    return ledger
  }
}
