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
    var shown: [JobReport] = []
    for job in jobs {
      let holder = holder(of: job, in: state.locks)
      shown.append(
        JobReport(job, holder: holder, control: await control(of: job, holder, in: state.sockets), ledger: path))
    }
    if json {
      print(JSONLine.encode(shown))
    } else if shown.isEmpty {
      print("no job has run yet; the ledger would be \(path)")
    } else {
      print(shown.map(\.text).joined(separator: "\n\n"))
    }
  }

  /// What the job's process tells itself; nil where it runs no more, or can't be asked.
  private func control(
    of job: Ledger.JobStatus, _ holder: RunLock.Holder?, in sockets: String
  ) async -> ControlReport? {
    guard holder != nil, job.state == .running else { return nil }
    // The socket goes with the column that the spec names first.
    for column in job.columns.compactMap(\.identity) {
      if let report = await ControlSocket(of: column, in: sockets).report(), report.job == job.job { return report }
    }
    return nil
  }

  private func holder(of job: Ledger.JobStatus, in locks: String) -> RunLock.Holder? {
    job.columns.lazy.compactMap(\.identity).compactMap { RunLock.holder(of: $0, in: locks) }.first
  }
}
