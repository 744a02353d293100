import ArgumentParser
import Backfill
import Ledger

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Tell from the ledger how the jobs stand, during a run and after.")

  @OptionGroup var ledger: LedgerOption

  @Flag(help: "One JSON array, for machines.")
  var json = false

  func run() async throws {
    let state = try StateFolder()
    let path = try ledger.path()
    let jobs = try await Ledger.openForReading(at: path)?.jobs() ?? []
    let shown = jobs.map { JobReport($0, holder: holder(of: $0, in: state.locks), ledger: path) }
    if json {
      print(JSONLine.encode(shown))
    } else if shown.isEmpty {
      print("no job has run yet; the ledger would be \(path)")
    } else {
      print(shown.map(\.text).joined(separator: "\n\n"))
    }
  }

  private func holder(of job: Ledger.JobStatus, in locks: String) -> RunLock.Holder? {
    job.columns.lazy.compactMap(\.identity).compactMap { RunLock.holder(of: $0, in: locks) }.first
  }
}
