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
      var parts = [try await text()]
      if !json, let spec, let shards = await ShardStatus.text(spec) { parts.append(shards) }
      print((clearsScreen ? "\u{1B}[H\u{1B}[J" : "") + parts.joined(separator: "\n\n"))
      // A reader that has gone needs no more.
      guard fflush(nil) == 0, watch else { return }
      try await Task.sleep(for: .seconds(2))
      if !clearsScreen, !json { print() }
    }
  }

  private func text() async throws -> String {
    let (name, path) = try subject()
    guard let opened = try Ledger.openForReading(at: path) else { return LedgerOption.nothingYet(path, json: json) }
    let now = Date()
    let jobs = try await opened.jobs(at: now)
    if let name, !jobs.isEmpty, !jobs.contains(where: { $0.job == name }) {
      let names = Set(jobs.map(\.job)).sorted()
      let nearest = Spelling.nearest(to: name, in: names).map { "did you mean \($0)? " } ?? ""
      // What was given may be anything, a password among it (P10).
      throw Failure(
        .usage, "status", "no run of a job by that name is in the ledger \(path)",
        remedy: "\(nearest)it has \(names.joined(separator: ", "))")
    }
    guard !jobs.isEmpty else { return LedgerOption.nothingYet(path, json: json) }
    let state = try StateFolder()
    // Without a plan that can be read the ledger is shown all the same.
    let shards = if json, let spec { try? await ShardStatus.report(spec) } else { nil as ShardReport? }
    let (shared, spool) = (try await shared(), try await databaseSpool())
    var shown: [JobReport] = []
    for job in jobs where name == nil || job.job == name {
      let holder = job.holder(in: state.locks)
      let control = await control(of: job, holder, in: state.sockets)
      let batches = try await opened.batches(of: job).map { BatchReport($0, at: now) }
      var report = JobReport(
        job, holder: holder, control: control, batches: batches, shared: shared, ledger: path, at: now)
      (report.databaseSpool, report.shards) = (spool, shards)
      shown.append(report)
    }
    return json ? JSONLine.encode(shown) : shown.map(\.text).joined(separator: "\n\n")
  }

  /// The job's spec, where it is one that was given.
  private var spec: String? { job.flatMap { job in [".yaml", ".yml"].contains(where: job.hasSuffix) ? job : nil } }

  /// The job's name, and where its ledger is; a spec may say the latter.
  private func subject() throws -> (name: String?, ledger: String) {
    guard let spec else { return (job, try ledger.path()) }
    return (try JobConfiguration(spec: spec).jobName, try ledger.path(spec: spec))
  }

  /// What the job shares with others, where its spec is given: that alone says in which database.
  private func shared() async throws -> ShareReport? {
    guard let spec else { return nil }
    let configuration = try JobConfiguration(spec: spec)
    guard configuration.share == .database else { return nil }
    let pool = try configuration.pool()
    do {
      return try await PostgresSharedPools.read(
        pool, in: DatabaseURL(configuration.databaseURL().reveal()), applicationName: "vecfill status"
      ).map { ShareReport(pool, $0) }
    } catch let failure as Failure {
      // The ledger is shown all the same.
      return ShareReport(pool, problem: failure)
    }
  }

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

  /// What waits in the database's spool, where the job is named by its spec and has one.
  private func databaseSpool() async throws -> SpoolReport? {
    guard let spec else { return nil }
    return try await SpoolReport(JobConfiguration(spec: spec))
  }
}

extension Ledger.JobStatus {
  /// The process that fills one of the job's columns now.
  func holder(in locks: String) -> RunLock.Holder? {
    columns.lazy.compactMap(\.identity).compactMap { RunLock.holder(of: $0, in: locks) }.first
  }
}
