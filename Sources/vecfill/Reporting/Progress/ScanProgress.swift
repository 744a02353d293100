import Backfill

/// Tells how far a scan has come: in a live line at a terminal, otherwise in a log line every 10 s.
final class ScanProgress: Sendable {
  private struct State {
    var rows = 0
    var told: Duration = .zero
    var window = RateWindow()
  }

  private let console: Console
  private let expected: Int?
  private let verb: String
  private let interval: Duration
  private let began = ContinuousClock.now
  private let state = Locked(State())

  /// - Parameters:
  ///   - expected: the rows that will be read; nil where it is not known.
  ///   - verb: what becomes of them. The default is that they are read.
  init(on console: Console, expected: Int?, verb: String = "read") {
    self.console = console
    self.expected = expected
    self.verb = verb
    interval = console.isLive ? .milliseconds(100) : .seconds(10)
    state.withLock { $0.window.add(rows: 0, tokens: 0, at: .zero) }
  }

  /// Counts the rows of a page.
  func add(_ rows: Int, of source: String) {
    let line = state.withLock { state -> String? in
      state.rows += rows
      let elapsed = ContinuousClock.now - began
      guard elapsed - state.told >= interval else { return nil }
      state.told = elapsed
      state.window.add(rows: state.rows, tokens: 0, at: elapsed)
      return ScanProgress.line(rows: state.rows, of: expected, state.window, source, verb: verb)
    }
    guard let line else { return }
    if console.isLive { console.show(line) } else { console.log(line) }
  }

  static func line(
    rows: Int, of expected: Int?, _ window: RateWindow, _ source: String, verb: String = "read"
  ) -> String {
    var parts = ["\(rows.of("row")) \(verb)"]
    if let expected, expected > 0 {
      // Rows can be added meanwhile.
      let all = max(expected, rows)
      parts = ["\(rows.grouped)/\(all.grouped) rows \((Double(rows) / Double(all)).percentDone)"]
    }
    parts.append("\(Int(window.rowsPerSecond).grouped) rows/s")
    if let expected, expected > rows, let time = window.time(for: expected - rows) {
      parts.append("ETA \(time.roughly)")
    }
    return (parts + [source]).joined(separator: "  ")
  }
}
