import Backfill
import Foundation

/// Tells others how `vecfill run` ended: the termination log, `--on-exit` and `--webhook`, each once.
final class RunEnd: Sendable {
  private let job: String
  private let command: ExitCommand?
  private let webhook: Webhook?
  private let log: TerminationLog?
  private let summary = Locked<RunSummary?>(nil)

  /// - Parameter job: its name, or that of its spec while it can't be read.
  init(job: String, command: ExitCommand?, webhook: Webhook?, log: TerminationLog?) {
    self.job = job
    self.command = command
    self.webhook = webhook
    self.log = log
  }

  /// Takes a run's or a round's summary; the last one is told.
  func take(_ summary: RunSummary) { self.summary.withLock { $0 = summary } }

  /// Takes that the run is left to another process, and returns the summary of that.
  func skipped(_ failure: Failure) -> RunSummary {
    let summary = RunSummary(skipped: failure, job: job)
    take(summary)
    return summary
  }

  /// Tells the end; what goes wrong with that is a warning, and changes no exit code.
  ///
  /// - Parameter error: what the process ends with; nil for 0.
  func tell(_ error: (any Error)?) async {
    let code = Backfill.ExitCode(endingWith: error).rawValue
    var summary = summary.withLock { $0 }
    let failure = error.flatMap(Failure.of)
    if summary == nil || failure != nil && summary?.exitCode != code {
      summary = RunSummary(
        failure: failure ?? Failure(.unavailable, "vecfill", "it ended without a summary"), job: job)
    }
    guard let summary else { return }
    log?.write(failure.map { "\($0)" } ?? summary.heading)
    let json = JSONLine.encode(summary.event.json(at: Date()))
    async let hooked = command?.run(json, exitCode: code)
    async let posted = webhook?.post(json)
    for problem in [await hooked, await posted] {
      if let problem = problem ?? nil { Console.standard.warn(problem) }
    }
  }
}
