import ArgumentParser
import Backfill
import Foundation
import Ledger
import Monitoring

struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Write a page about a job's runs: what came back when, its cost, its quarantine.",
    discussion: """
      From the ledger, also while a run goes on. The file needs nothing else: no network, no script. It holds no texts.
      """)

  @Argument(help: ArgumentHelp("The HTML file to write.", valueName: "file"), completion: .file(extensions: ["html"]))
  var file: String

  @Argument(help: "The job's name (default: the one that ran last).")
  var job: String?

  @OptionGroup var ledger: LedgerOption

  func run() async throws {
    let ledger = try ledger.existing()
    let jobs = try await ledger.jobs()
    guard let status = jobs.first(where: { job == nil || $0.job == job }) else {
      let known = Set(jobs.map(\.job)).sorted().joined(separator: ", ")
      throw Failure(
        .configuration, job.map { "job \($0)" } ?? "report", "the ledger \(ledger.path) has no run of it",
        remedy: known.isEmpty ? "run a job first" : "it knows \(known)")
    }
    let page = HistoryPage(status, try await ledger.history(of: status), version: Build.version)
    do throws(Failure) {
      try WholeFile(path: file).write(page.document)
    } catch {
      throw Failure(.localIO, file, error.reason, remedy: "name a file in a folder that this user may write to")
    }
    print("\(file): the report of \(status.job)")
  }
}
