import Backfill
import Logging
import Migrations
import Pipeline

extension Narrator {
  private static let lastShown = Locked(ContinuousClock.now)

  /// On standard error: progress as a live line at a terminal, otherwise as a line every 10 s.
  static let console = Narrator(
    tell: { Console.standard.log($0) },
    warn: { message in
      let console = Console.standard
      if console.format == .text { console.log("warning: \(message)") } else { console.warn(message) }
    },
    show: { text in
      guard !Console.standard.isLive else { return Console.standard.show(text) }
      let isDue = lastShown.withLock { last in
        guard !text.isEmpty, last.duration(to: .now) >= .seconds(10) else { return false }
        last = .now
        return true
      }
      if isDue { Console.standard.log(text) }
    })

  /// In a run's log, with progress in place of the rows'.
  init(_ logger: Logger, _ board: ProgressBoard) {
    self.init(
      tell: { logger.info("\($0)") }, warn: { logger.warning("\($0)") }, show: { board.show(phase: $0) })
  }
}
