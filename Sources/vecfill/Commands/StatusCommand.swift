import ArgumentParser
import Backfill
import Configuration
import Foundation
import Ledger
import MessageStores
import Postgres

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show how the jobs stand, during a run and after.",
    discussion: """
      Reads the ledger, and asks the run if one is under way. The rate is that of the last two minutes.

      With a spec it also shows the job's shards, if a plan is stored in the database (docs/shards.md).

      Example: `vecfill status --watch`
      """)

  @Argument(help: ArgumentHelp("A job's name or its spec; all jobs without it.", valueName: "job"), completion: .yaml)
  var job: String?

  @OptionGroup var ledger: LedgerOption

  @Flag(help: "One JSON array, for machines.")
  var json = false

  @Flag(help: "Show it again every two seconds, until it is interrupted.")
  var watch = false

  func run() async throws {
    let clearsScreen = watch && !json && isatty(STDOUT_FILENO) == 1
    while true {
      print((clearsScreen ? "\u{1B}[H\u{1B}[J" : "") + (try await text()))
      // A reader that has gone needs no more.
      guard fflush(nil) == 0, watch else { return }
      try await Task.sleep(for: .seconds(2))
      if !clearsScreen, !json { print() }
    }
  }

  private func text() async throws -> String {
    let now = Date()
    let spec = try specPath.map { try JobConfiguration(spec: $0) }
    let path = try ledger.path(spec: specPath)
    let name = spec?.jobName ?? job
    let opened = try Ledger.openForReading(at: path)
    let jobs = try await opened?.jobs(at: now) ?? []
    let own = jobs.filter { name == nil || $0.job == name }
    if own.isEmpty, spec == nil, let name, !jobs.isEmpty {
      let names = Set(jobs.map(\.job)).sorted()
      let nearest = Spelling.nearest(to: name, in: names).map { "did you mean \($0)? " } ?? ""
      // What was given may be anything, a password among it (P10).
      throw Failure(
        .usage, "status", "no run of a job by that name is in the ledger \(path)",
        remedy: "\(nearest)it has \(names.joined(separator: ", "))")
    }
    let stored = if let spec { try await StoredReport(spec) } else { StoredReport() }
    var shown: [JobReport] = []
    if let opened {
      let state = try StateFolder()
      for job in own {
        let holder = job.holder(in: state.locks)
        let control = await control(of: job, holder, in: state.sockets)
        let batches = try await opened.batches(of: job).map { BatchReport($0, at: now) }
        shown.append(
          JobReport(job, holder: holder, control: control, batches: batches, stored: stored, ledger: path, at: now))
      }
    }
    if json {
      guard shown.isEmpty, let name else { return JSONLine.encode(shown) }
      if let problem = stored.shardsProblem { throw problem }
      return stored.isEmpty ? "[]" : JSONLine.encode([UnrunJobReport(job: name, stored, ledger: path)])
    }
    var parts = shown.map(\.text)
    if shown.isEmpty, let name, !(stored.isEmpty && jobs.isEmpty) {
      parts = [UnrunJobReport(job: name, stored, ledger: path).text]
    } else if shown.isEmpty {
      parts = [LedgerOption.nothingYet(path, json: false)]
    }
    if let shards = stored.shardsText { parts.append(shards) }
    return parts.joined(separator: "\n\n")
  }

  /// The job's spec, where it is one that was given.
  private var specPath: String? { job.flatMap { job in [".yaml", ".yml"].contains(where: job.hasSuffix) ? job : nil } }

  /// What the job's process says of itself; nil where it runs no more, or can't be asked.
  private func control(
    of job: Ledger.JobStatus, _ holder: RunLock.Holder?, in sockets: String
  ) async -> ControlReport? {
    guard holder != nil else { return nil }
    // The socket goes with the column that the spec names first.
    for column in job.columns.compactMap(\.identity) {
      if let report = await ControlSocket(of: column, in: sockets).report(), report.job == job.job { return report }
    }
    return nil
  }
}

extension Ledger.JobStatus {
  /// The process that fills one of the job's columns now.
  func holder(in locks: String) -> RunLock.Holder? {
    columns.lazy.compactMap(\.identity).compactMap { RunLock.holder(of: $0, in: locks) }.first
  }
}
