import Backfill
import Foundation
import Ledger

/// The report of a job's runs, from the ledger: one file that needs nothing else.
package struct HistoryPage {
  let status: Ledger.JobStatus
  let history: Ledger.History
  let now: Date
  let version: String

  package init(_ status: Ledger.JobStatus, _ history: Ledger.History, now: Date = Date(), version: String) {
    self.status = status
    self.history = history
    self.now = now
    self.version = version
  }

  /// By this a page is known as one.
  static let titleEnd = " - vecfill report"

  package var document: String {
    let style = HTML(stringLiteral: PageStyle.css)
    let html: HTML = """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
      <title>\(status.job)\(HTML(stringLiteral: HistoryPage.titleEnd))</title><link rel="icon" href="data:,"><style>\(style)</style></head>
      <body><main>\(header)\(PageParts.tiles(tiles))\(charts)\(runs)\(quarantine)</main>
      <footer><p>Written by vecfill \(version) at \(PageParts.time(now)) from the ledger; times are UTC.</p></footer>
      </body></html>
      """
    return html.text
  }

  private var header: HTML {
    let columns = status.columns.map { "\($0.source).\($0.vectorColumn)" }.joined(separator: ", ")
    let (state, look) = state
    let tally = status.tally
    return """
      <header><h1>\(PageParts.name(status.job))</h1>
      <p>\(PageParts.name(columns)) with \(PageParts.name(status.fingerprint.model)), \
      \(status.fingerprint.dimensions) dimensions, in \(PageParts.name(status.database))</p>
      <p class="state \(look)">\(state)</p>
      <p class="rows">last run: \(tally.written.grouped) rows written\(tally.total.map { " of \($0.grouped)" } ?? "")</p>
      \(PageParts.bar(status.done, of: tally.total))</header>
      """
  }

  private var state: (String, String) {
    let from = PageParts.time(status.startedAt)
    return switch status.state {
    case .running: ("began \(from); it runs, or its process died", "")
    case .completed where status.released > 0:
      ("complete but for \(status.released.of("row")) that the next run takes out of quarantine", "bad")
    case .completed where status.quarantined > 0:
      ("complete but for \(status.quarantined.of("quarantined row"))", "bad")
    case .completed: ("complete", "good")
    case .stopped: ("stopped; run the same command again to go on", "")
    case .failed: ("failed: \(status.reason ?? "for a reason that was not recorded")", "bad")
    }
  }

  private var tiles: [HTML] {
    let totals = status.totals
    return [
      PageParts.tile("replies", totals.requests.grouped, "of all runs"),
      PageParts.tile("tokens billed", totals.billedTokens.short, "of all runs"),
      PageParts.tile("cost", totals.cost.map(\.dollars) ?? "unknown", "of all runs"),
      PageParts.tile(
        "possibly paid", totals.possiblyPaid.grouped, "requests without a reply", alarming: totals.possiblyPaid > 0),
      PageParts.tile("in quarantine", status.quarantined.grouped, "rows", alarming: status.quarantined > 0),
    ]
      + (totals.spooledBatches == 0
        ? [] : [PageParts.tile("in the spool", totals.spooledBatches.grouped, "replies, paid and not yet written")])
  }

  private var charts: HTML {
    guard let run = history.charted, let first = history.slices.first, let last = history.slices.last else { return "" }
    let to = last.start.addingTimeInterval(Double(history.sliceSeconds))
    let perMinute = 60 / Double(history.sliceSeconds)
    func rate(_ count: KeyPath<Ledger.Slice, Int>) -> [Double] {
      history.slices.map { Double($0[keyPath: count]) * perMinute }
    }
    var sum = 0.0
    let dollars = history.slices.map { slice in
      sum += slice.cost
      return sum
    }
    let lines = [
      LineChart(title: "Texts embedded a minute", values: rate(\.inputs), from: first.start, to: to, isPast: true) {
        Int($0).short
      }.html,
      LineChart(title: "Tokens a minute", values: rate(\.tokens), from: first.start, to: to, isPast: true) {
        Int($0).short
      }.html,
      LineChart(title: "Requests answered a minute", values: rate(\.requests), from: first.start, to: to, isPast: true)
      {
        Int($0).short
      }.html,
      LineChart(
        title: "Dollars, added up", values: dollars, from: first.start, to: to, isPast: true, format: \.dollars
      ).html,
    ]
    return "<h2>Run \(run)</h2><div class=\"charts\">\(lines)</div>\(days)"
  }

  private var days: HTML {
    guard let first = history.days.first, let last = history.days.last, first != last else { return "" }
    let bars = [
      LineChart(
        title: "Texts by day", values: history.days.map { Double($0.inputs) }, from: first.start, to: last.start,
        isPast: true, isBars: true
      ) { Int($0).short }.html,
      LineChart(
        title: "Dollars by day", values: history.days.map(\.cost), from: first.start, to: last.start, isPast: true,
        isBars: true,
        format: \.dollars
      ).html,
    ]
    return "<h2>All runs</h2><div class=\"charts\">\(bars)</div>"
  }

  private var runs: HTML {
    PageParts.table(
      "Runs", ["run", "began", "took", "ended", "rows", "replies", "tokens", "cost", "possibly paid"],
      numeric: [0, 2, 4, 5, 6, 7, 8],
      history.runs.map { run in
        [
          "\(run.id)", "\(PageParts.time(run.startedAt))",
          "\(run.endedAt.map { Duration.seconds($0.timeIntervalSince(run.startedAt)).clock } ?? "-")",
          "\(run.state.rawValue)\(run.exitCode.map { ", exit \($0)" } ?? "")", "\(run.written.grouped)",
          "\(run.requests.grouped)", "\(run.tokens.grouped)",
          "\(run.cost.map(\.dollars) ?? (run.requests == 0 ? "-" : "unknown"))", "\(run.possiblyPaid.grouped)",
        ]
      },
      note: history.runs.count == Ledger.mostRuns ? "The newest \(Ledger.mostRuns); `vecfill cost` has them all." : "")
  }

  private var quarantine: HTML {
    let reasons = PageParts.table(
      "Quarantine", ["cause", "rows"], numeric: [1],
      history.quarantine.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
        ["\(Condemnation.Cause(named: $0.key)?.words ?? $0.key)", "\($0.value.grouped)"]
      })
    let rows = PageParts.table(
      "Newest quarantined rows", ["table", "key", "cause", "what was seen", "run"], numeric: [4],
      history.quarantined.map {
        [
          PageParts.name($0.source), PageParts.name($0.key),
          "\(Condemnation.Cause(named: $0.failure)?.words ?? $0.failure)", PageParts.name($0.reason), "\($0.run)",
        ]
      }, note: "`vecfill quarantine list` has them all, `vecfill quarantine retry` lets the next run try them again.")
    return "\(reasons)\(rows)"
  }
}
