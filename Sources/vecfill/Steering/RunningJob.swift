import ArgumentParser
import Backfill
import Configuration
import FlyingFox
import Foundation
import Ledger

/// The run that a command is for, which need not be named where there is but one.
struct RunningJob: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The running job, by its name or its process's number, if there are several.", valueName: "job"))
  var name: String?

  /// Asks the run to do something, and prints what it answers.
  func ask(_ path: String, _ words: [String] = []) async throws {
    let folder = try StateFolder().sockets
    var runs: [(socket: ControlSocket, report: ControlReport)] = []
    for socket in ControlSocket.all(in: folder) {
      if let report = await socket.report() { runs.append((socket, report)) }
    }
    let wanted = runs.filter { name == nil || $0.report.job == name || "\($0.report.pid)" == name }
    guard let run = wanted.first, wanted.count == 1 else {
      throw wanted.isEmpty ? await nothing(in: folder, runs.map(\.report)) : several(wanted.map(\.report))
    }
    let body = try JSONEncoder().encode(words)
    let answer = await run.socket.ask(.POST, path, body)
    // One that has nothing to bring to an end may be gone before it has answered.
    if answer == nil, path == "/stop", await run.socket.report() == nil { return print("\(run.report.job): stopped") }
    guard let answer, let told = try? JSONDecoder().decode(ControlAnswer.self, from: answer.body)
    else {
      throw Failure(.unavailable, "job \(run.report.job)", "its process \(run.report.pid) does not answer")
    }
    guard answer.isDone else { throw Failure(.usage, "job \(run.report.job)", told.message) }
    print("\(run.report.job): \(told.message)")
  }

  private func nothing(in folder: String, _ others: [ControlReport]) async -> Failure {
    guard let name else {
      return Failure(
        .unavailable, folder, "no run of this user listens there",
        remedy: "start one with `vecfill run JOB`; `vecfill status` shows how the jobs stand")
    }
    // What ran before may run again, and a job with a ledger of its own is not in the user's: only a name that resembles
    // a known one is wrong for sure.
    let recorded = await Self.recordedJobs()
    let meant = recorded.contains(name) ? nil : Spelling.nearest(to: name, in: recorded.sorted())
    let next = others.isEmpty ? "`vecfill status` shows how the jobs stand" : "these run: \(Self.list(others))"
    return Failure(
      meant == nil ? .unavailable : .usage, "job \(name)", "no run of it listens in \(folder)",
      remedy: meant.map { "did you mean \($0)? \(next)" } ?? next)
  }

  /// The jobs that the user's own ledger knows; none where it can't be read.
  private static func recordedJobs() async -> Set<String> {
    guard let path = try? JobConfiguration(flags: [:]).ledgerPath ?? StateFolder().ledger,
      let ledger = try? Ledger.openForReading(at: path), let jobs = try? await ledger.jobs()
    else { return [] }
    return Set(jobs.map(\.job))
  }

  private func several(_ runs: [ControlReport]) -> Failure {
    Failure(
      .usage, name.map { "job \($0)" } ?? "jobs", "several processes match",
      remedy: "name one by its job's name or its process's number: \(Self.list(runs))")
  }

  private static func list(_ runs: [ControlReport]) -> String {
    runs.map { run in "\(run.job)\(run.shard.map { " shard \($0)" } ?? "") (\(run.pid))" }.joined(separator: ", ")
  }
}
