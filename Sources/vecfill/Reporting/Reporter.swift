import Backfill
import Foundation
import Logging
import Pipeline

/// Shows a run's progress while it goes on: a live line at a terminal, otherwise a log line every 10 s.
struct Reporter {
  let board: ProgressBoard
  let console: Console
  let logger: Logger
  let isLive: Bool

  /// Reports until its task is cancelled.
  func report() async {
    let clock = ContinuousClock()
    var began = clock.now
    var window = RateWindow()
    window.add(rows: 0, tokens: 0, at: .zero)
    let interval: Duration = isLive ? .milliseconds(200) : .seconds(10)
    while (try? await clock.sleep(for: interval)) != nil {
      let progress = board.current
      let phase = board.currentPhase
      if !progress.hasBegun {
        // The rows' clock begins with the first of them.
        began = clock.now
        if phase.isEmpty { continue }
      }
      let elapsed = clock.now - began
      window.add(rows: progress.done, tokens: progress.tally.billedTokens, at: progress.worked(of: elapsed))
      let line = phase.isEmpty ? Reporter.line(progress, window) : phase
      if isLive {
        console.show(line)
      } else {
        logger.info("\(line)")
      }
    }
    if isLive { console.show("") }
  }

  static func line(_ progress: RunProgress, _ window: RateWindow) -> String {
    let total = progress.tally.total.map { max($0, progress.done) }
    let share = total.flatMap { $0 > 0 ? " \((100 * Double(progress.done) / Double($0)).fixed(1))%" : nil } ?? ""
    var parts = [
      "\(progress.done.grouped)\(total.map { "/\($0.grouped)" } ?? "") rows\(share)",
      "\(Int(window.rowsPerSecond).grouped) rows/s",
      "\(Int(window.tokensPerMinute).short) tokens/min",
    ]
    if let ratio = progress.tally.billedPerEstimated { parts.append("\(ratio.fixed(2)) billed/estimated") }
    if let cost = progress.tally.cost { parts.append(cost.dollars) }
    if progress.isStopping {
      parts.append("stopping: \(progress.inFlight) requests in flight")
    } else {
      if let left = total.map({ $0 - progress.done }), left > 0, let time = window.time(for: left) {
        parts.append("ETA \(time.clock)")
      }
      if let reason = progress.waitingWords { parts.append("waiting: \(reason)") }
    }
    return parts.joined(separator: "  ")
  }
}
