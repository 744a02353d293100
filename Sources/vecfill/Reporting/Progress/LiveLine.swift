import Backfill
import Foundation

/// A run's progress in one line of at most so many columns.
///
/// Where there is no room, whole fields are left out, in this order: the job's name, billed tokens for an estimated one,
/// tokens a minute, the bar, the time since the start, dollars, rows a second, what it waits for, the ETA, the percentage.
struct LiveLine {
  private enum Field: Int {
    // The last is left out first.
    case rows, percent, eta, waiting, rate, dollars, elapsed, bar, tokens, ratio, name
  }

  private static let bars = 10...30
  private let fields: [(field: Field, text: String)]
  private let share: Double?

  init(_ report: ProgressReport, zone: TimeZone = .current) {
    share = report.share
    var fields: [(Field, String)] = [
      (.name, report.job.fitted(to: 30)), (.elapsed, Duration.seconds(report.seconds).stopwatch),
    ]
    if share != nil { fields.append((.bar, "")) }
    fields.append((.rows, "\(report.rowsDone.grouped)\(report.rowsTotal.map { "/\($0.grouped)" } ?? "") rows"))
    if let share { fields.append((.percent, share.percentDone)) }
    fields.append((.rate, "\(Int(report.rowsPerSecond.rounded()).grouped) rows/s"))
    if report.tokensPerMinute > 0 || report.tokensPerMinuteLimit != nil {
      let limit = report.tokensPerMinuteLimit.map { "/\($0.short)" } ?? ""
      fields.append((.tokens, "\(Int(report.tokensPerMinute).short)\(limit) tokens/min"))
    }
    if let ratio = report.tokensBilledPerEstimated { fields.append((.ratio, "\(ratio.fixed(2)) billed/estimated")) }
    if let budget = report.budgetUsd, let spent = report.spentUsd {
      fields.append((.dollars, "\(spent.dollars) of \(budget.dollars)"))
    } else if let cost = report.costUsd {
      fields.append((.dollars, cost.dollars))
    }
    if report.isStopping {
      fields.append((.waiting, "stopping: \(report.requestsInFlight.of("request")) in flight"))
    } else {
      if let eta = report.etaText(zone: zone) { fields.append((.eta, eta)) }
      if let reason = report.waitingReason { fields.append((.waiting, "waiting: \(reason)")) }
    }
    self.fields = fields.filter { !$1.isEmpty || $0 == .bar }
  }

  /// At most `width` columns; empty where not even the rows fit.
  func text(width: Int, _ style: TerminalStyle) -> String {
    // A log has no use for a bar.
    var shown = width == .max ? fields.filter { $0.field != .bar } : fields
    while LiveLine.columns(of: shown) > width {
      guard let last = shown.indices.max(by: { shown[$0].field.rawValue < shown[$1].field.rawValue }) else { break }
      shown.remove(at: last)
    }
    let room = width == .max ? 0 : width - LiveLine.columns(of: shown)
    return shown.map { field, text in
      switch field {
      case .bar: bar(LiveLine.bars.lowerBound + min(room, LiveLine.bars.count - 1), style)
      case .waiting: style.coloured(text, as: .yellow)
      default: text
      }
    }.joined(separator: "  ")
  }

  private static func columns(of fields: [(field: Field, text: String)]) -> Int {
    let widths = fields.map { $0.field == .bar ? bars.lowerBound + 2 : $0.text.displayWidth }
    return widths.reduce(0, +) + 2 * max(0, fields.count - 1)
  }

  private func bar(_ length: Int, _ style: TerminalStyle) -> String {
    let full = Int(Double(length) * min(1, share ?? 0))
    let done = String(repeating: "#", count: full)
    return "[\(style.coloured(done, as: .green))\(String(repeating: "-", count: length - full))]"
  }
}
