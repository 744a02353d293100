import Backfill
import Foundation

/// The one writer to standard error: log lines above, and at a terminal a live line below them.
final class Console: Sendable {
  static let standard = Console()

  let isTerminal = isatty(STDERR_FILENO) == 1
  private let live = Locked("")

  /// Writes a line of its own.
  func log(_ line: String) {
    live.withLock { live in
      write(live.isEmpty ? line + "\n" : "\r\u{1B}[K\(line)\n\(live)")
    }
  }

  /// Shows `line` in place of the one before; an empty one clears it.
  func show(_ line: String) {
    live.withLock { live in
      let shown = String(line.prefix(width - 1))
      guard shown != live else { return }
      live = shown
      write("\r\u{1B}[K\(shown)")
    }
  }

  private var width: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
    return Int(size.ws_col)
  }

  private func write(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }
}
