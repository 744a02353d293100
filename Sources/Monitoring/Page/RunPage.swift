import Backfill
import Foundation
import Pipeline

/// The page of a run that goes on.
struct RunPage {
  let picture: RunPicture

  /// The whole page, with what is current in it.
  var document: String {
    let html: HTML = """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(picture.facts.job) - vecfill</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">
      <script src="/page.js" defer></script></head>
      <body><main>\(current)</main>
      <footer><p id="connection" role="status"></p><p>vecfill \(picture.facts.version). It only shows; \
      <a href="/metrics">/metrics</a> has the same for Prometheus.</p></footer></body></html>
      """
    return html.text
  }

  /// What changes while the run goes on.
  var current: HTML {
    """
    \(header)\(PageParts.tiles(tiles))<div class="charts">\(charts)</div>\(latencies)\(failures)\(quarantine)
    """
  }

  private var progress: RunProgress { picture.progress }
  private var tally: Tally { picture.progress.tally }

  private var header: HTML {
    let facts = picture.facts
    let total = tally.total.map { max($0, progress.done) }
    let share = total.flatMap { $0 > 0 ? ", \((Double(progress.done) / Double($0)).percentDone)" : nil } ?? ""
    let left = total.map { $0 - progress.done } ?? 0
    let rate = picture.history.recentPerSecond(\.rows) ?? 0
    let eta =
      left > 0 && rate > 0 && picture.exitCode == nil
      ? ", about \(Duration.seconds(Double(left) / rate).clock) left" : ""
    let (state, look) = state
    return """
      <header><h1>\(PageParts.name(facts.job))</h1>
      <p>\(PageParts.name(facts.tables.joined(separator: ", "))) with \(PageParts.name(facts.model))\
      \(facts.database.map { " in \($0)" } ?? "")</p>
      <p>began \(PageParts.time(facts.start)), shown \(PageParts.time(picture.now))</p>
      <p class="state \(look)" role="status">\(state)</p>
      <p class="rows">\(progress.done.grouped)\(total.map { " of \($0.grouped)" } ?? "") rows\(share)\(eta)</p>
      \(PageParts.bar(progress.done, of: total))</header>
      """
  }

  private var state: (String, String) {
    if let code = picture.exitCode { return ("ended with exit code \(code)", code == 0 ? "good" : "bad") }
    if picture.isFilled { return ("all is filled; it waits for rows that come", "good") }
    if progress.isStopping { return ("stopping: \(progress.inFlight) requests in flight", "") }
    if !picture.phase.isEmpty { return (picture.phase, "") }
    if !progress.hasBegun { return ("beginning", "") }
    if let waiting = progress.waiting {
      return ("waiting: \(progress.waitingWords ?? waiting.words)", waiting.isThrottling ? "bad" : "")
    }
    return ("running", "good")
  }

  private var tiles: [HTML] {
    let history = picture.history
    let limits = progress.limits
    func perMinute(_ rate: Double?) -> String { rate.map { Int($0 * 60).short } ?? "-" }
    func limit(_ limit: Int?) -> String { limit.map { "limit \($0.short)" } ?? "no limit known" }
    return [
      PageParts.tile("rows a second", history.recentPerSecond(\.rows).map { $0.fixed($0 < 10 ? 1 : 0) } ?? "-"),
      PageParts.tile("tokens a minute", perMinute(history.recentPerSecond(\.tokens)), limit(limits.tokensPerMinute)),
      PageParts.tile(
        "requests a minute", perMinute(history.recentPerSecond(\.requests)), limit(limits.requestsPerMinute)),
      PageParts.tile("in flight", "\(progress.inFlight)", "of \(progress.concurrency) requests"),
      PageParts.tile("tokens billed", tally.billedTokens.short, "\(tally.estimatedTokens.short) expected"),
      PageParts.tile("cost", tally.cost.map(\.dollars) ?? "unknown", "of this run"),
      PageParts.tile(
        "spent by all runs", progress.spent.dollars,
        progress.budget.map { "of \($0.dollars)" } ?? "no budget",
        alarming: progress.budget.map { progress.spent >= 0.9 * $0 } ?? false),
      PageParts.tile("retries", tally.retries.grouped),
      PageParts.tile(
        "possibly paid", tally.possiblyPaid.grouped, "requests without a reply", alarming: tally.possiblyPaid > 0),
      PageParts.tile("in quarantine", tally.quarantined.grouped, "rows", alarming: tally.quarantined > 0),
    ]
  }

  private var charts: [HTML] {
    let history = picture.history
    let times = history.points.map(\.time)
    guard let first = times.first, let last = times.last, first < last else { return [] }
    let from = picture.facts.start.addingTimeInterval(first.seconds)
    let to = picture.facts.start.addingTimeInterval(last.seconds)
    return [
      LineChart(title: "Rows a second", values: history.perSecond(\.rows), from: from, to: to) {
        $0.fixed($0 < 10 ? 1 : 0)
      }.html,
      LineChart(
        title: "Tokens a minute", values: history.perSecond(\.tokens).map { 60 * $0 }, from: from, to: to,
        limit: progress.limits.tokensPerMinute.map(Double.init)
      ) { Int($0).short }.html,
      LineChart(
        title: "Requests a minute", values: history.perSecond(\.requests).map { 60 * $0 }, from: from, to: to,
        limit: progress.limits.requestsPerMinute.map(Double.init)
      ) { Int($0).short }.html,
      LineChart(
        title: "Dollars, added up", values: history.points.map(\.cost), from: from, to: to, format: \.dollars
      )
      .html,
    ]
  }

  private var latencies: HTML {
    PageParts.table(
      "How long the provider takes", RunPicture.percentiles.map(\.1), numeric: [0, 1, 2, 3],
      picture.latencies.isEmpty ? [] : [picture.latencies.map { "\(PageParts.seconds($0))" }])
  }

  private var failures: HTML {
    PageParts.table(
      "Requests by outcome", ["outcome", "requests"], numeric: [1],
      picture.requests.map { ["\($0.outcome.replacing("_", with: " "))", "\($0.count.grouped)"] })
  }

  private var quarantine: HTML {
    let reasons = PageParts.table(
      "Quarantined by this process", ["reason", "rows"], numeric: [1],
      picture.quarantine.map { ["\($0.reason.replacing("_", with: " "))", "\($0.count.grouped)"] })
    let rows = PageParts.table(
      "Last quarantined rows", ["table", "key", "cause", "what was seen"],
      picture.condemned.map {
        [PageParts.name($0.table), PageParts.name($0.key), "\($0.cause)", PageParts.name($0.reason)]
      }, note: "`vecfill quarantine list` has them all.")
    return "\(reasons)\(rows)"
  }
}
