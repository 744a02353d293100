import Backfill
import Foundation
import Logging

/// The one writer to standard error: events above, and at a terminal a live line below them.
final class Console: Sendable {
  static let standard = Console(format: LogFormat(arguments: CommandLine.arguments))

  let format: LogFormat
  let style: TerminalStyle
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let live = Locked("")

  init(format: LogFormat) {
    self.format = format
    style = TerminalStyle(isTerminal: isatty(STDERR_FILENO) == 1, environment: ProcessInfo.processInfo.environment)
  }

  /// Whether there is a live line: at a terminal that can move its cursor, for a person.
  var isLive: Bool { format == .text && style.movesCursor }

  /// Tells an event.
  ///
  /// - Parameter isStamped: whether a person's line begins with the time, as in a run's log.
  func tell(_ event: Event, isStamped: Bool = false) {
    let now = Date()
    guard format == .text else { return write(line: event.json(at: now).description) }
    let level = event.level >= .warning ? style.coloured("\(event.level): ", as: .of(event.level)) : ""
    let message = event.message.onOneLine
    guard isStamped else { return write(line: "vecfill: \(level)\(message)") }
    write(line: "\(now.stamp(isShort: isTerminal)) \(level)\(message)")
  }

  /// Tells what a person should know before anything is done.
  func warn(_ message: String) { tell(.warning(message)) }

  /// Tells what ends a command.
  func tell(_ failure: Failure) {
    guard format == .text else { return tell(Event(failure)) }
    write(line: style.coloured("vecfill:", as: .red) + " \(failure)")
  }

  /// Writes a line as it is, for a person; with JSON it is the message of a note.
  func log(_ line: String) {
    if format == .text { write(line: line) } else { tell(.note(line)) }
  }

  /// Shows a line in place of the one before, which fits into so many columns; an empty one clears it.
  func show(_ line: (_ width: Int) -> String) {
    live.withLock { live in
      let shown = line(width - 1)
      guard shown != live else { return }
      live = shown
      write("\r\u{1B}[K\(shown)")
    }
  }

  /// Shows some words, as far as they fit.
  func show(_ words: String) { show { words.fitted(to: $0) } }

  private func write(line: String) {
    live.withLock { live in
      write(live.isEmpty ? line + "\n" : "\r\u{1B}[K\(line)\n\(live)")
    }
  }

  /// The terminal's columns; 80 where they are not known.
  var width: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
    return Int(size.ws_col)
  }

  /// What can't be written is left out: the terminal may be gone, or the disk of the log full, and the work goes on.
  private func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if written > 0 {
        bytes = bytes.dropFirst(written)
      } else if written == 0 || ![EINTR, EAGAIN].contains(errno) {
        return
      } else if errno == EAGAIN {
        var room = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard poll(&room, 1, 1_000) > 0 else { return }
      }
    }
  }
}
