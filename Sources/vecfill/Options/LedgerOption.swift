import ArgumentParser
import Backfill
import Configuration
import Ledger

/// The ledger's file, for the commands that need no job: found through the same layers as `vecfill run` finds it.
struct LedgerOption: ParsableArguments {
  @Option(help: ArgumentHelp("The ledger's file.", valueName: "path"), completion: .file())
  var ledger: String?

  var flags: [Parameter: String] { [.ledger: ledger].compactMapValues(\.self) }

  /// The ledger's absolute path, whether it is there or not.
  func path(spec: String? = nil) throws -> String {
    try JobConfiguration(spec: spec, flags: flags).ledgerPath ?? StateFolder().ledger
  }

  /// What is printed when there is no ledger yet, which is no error.
  static func nothingYet(_ path: String, json: Bool) -> String {
    json ? "[]" : "no job has run yet; the ledger would be \(path)"
  }

  /// The ledger, which has to be there.
  func existing() throws -> Ledger {
    let path = try path()
    guard let ledger = try Ledger.openForReading(at: path) else { throw Self.missing(path) }
    return ledger
  }

  static func missing(_ path: String) -> Failure {
    Failure(.localIO, path, "there is no ledger", remedy: "run a job first, or give its path with --ledger")
  }
}
