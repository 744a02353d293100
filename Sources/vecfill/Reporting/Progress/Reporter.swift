import Backfill
import Foundation
import Logging
import Pipeline

/// Shows a run's progress while it goes on: a live line at a terminal, otherwise log lines by a schedule.
struct Reporter {
  let job: String
  let board: ProgressBoard
  let console: Console
  let logger: Logger
  let requests: RequestLog

  private var isQuiet: Bool { logger.logLevel > .info }
  private var isLive: Bool { console.isLive && !isQuiet }

  /// Reports until its task is cancelled.
  func report() async {
    let clock = ContinuousClock()
    var began = clock.now
    let start = began
    var window = RateWindow()
    var waits = WaitingWindow()
    var schedule = ProgressSchedule()
    window.add(rows: 0, tokens: 0, at: .zero)
    let tick: Duration = .milliseconds(200)
    while (try? await clock.sleep(for: tick)) != nil {
      requests.tellRepeats()
      let progress = board.current
      let phase = board.currentPhase
      // The rows' clock begins with the first of them.
      if !progress.hasBegun { began = clock.now }
      let elapsed = clock.now - began
      waits.add(progress.waiting, at: elapsed)
      window.add(rows: progress.done, tokens: progress.tally.billedTokens, at: progress.worked(of: elapsed))
      guard !isQuiet, progress.hasBegun || !phase.isEmpty else { continue }
      guard isLive || schedule.isDue(at: clock.now - start) else { continue }
      let report = ProgressReport(
        progress, job: job, rate: window, elapsed: elapsed, waiting: waits.waiting, at: Date())
      if isLive {
        if phase.isEmpty {
          console.show { LiveLine(report).text(width: $0, console.style) }
        } else {
          console.show(phase)
        }
      } else if phase.isEmpty {
        logger.tell(.info, .progress, report.line(), report.eventFields)
      } else {
        logger.tell(.info, .phase, phase, ["job": .string(job)])
      }
    }
    if isLive { console.show("") }
    requests.finish()
  }
}
