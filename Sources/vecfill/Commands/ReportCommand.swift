import ArgumentParser
import Backfill
import Foundation
import Ledger
import Monitoring

struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Write an HTML page about a job's runs: progress, cost, quarantine.",
    discussion: """
      Reads the ledger, also during a run. The file needs nothing else: no network, no script. It holds no texts.

      Example: `vecfill report report.html`
      """)

  @Argument(help: ArgumentHelp("The HTML file to write.", valueName: "file"), completion: .file(extensions: ["html"]))
  var file: String

  @Argument(help: ArgumentHelp("The job's name (default: the one that ran last).", valueName: "job"))
  var job: String?

  @OptionGroup var ledger: LedgerOption

  func run() async throws {
    let ledger = try ledger.existing()
    let jobs = try await ledger.jobs()
    guard let status = jobs.first(where: { job == nil || $0.job == job }) else {
      let known = Set(jobs.map(\.job)).sorted().joined(separator: ", ")
      throw Failure(
        job == nil ? .configuration : .usage, job.map { "job \($0)" } ?? "report",
        "the ledger \(ledger.path) has no run of it",
        remedy: known.isEmpty ? "run a job first" : "it knows \(known)")
    }
    let page = HistoryPage(status, try await ledger.history(of: status), version: Build.version)
    try WholeFile(path: file, .report).write(page.document)
    if !OwnFile.isStream(file) { print("\(file): the report of \(status.job)") }
  }
}
