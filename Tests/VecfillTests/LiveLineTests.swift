import Backfill
import Foundation
import Testing

@testable import Pipeline
@testable import vecfill

@Suite struct LiveLineTests {
  private static let zone = TimeZone(identifier: "Europe/Berlin") ?? .gmt
  /// 26 Nov 2026, 23:10 in Berlin.
  private static let now = Date(timeIntervalSince1970: 1_795_731_000)

  private static func report(
    job: String = "messages", done: Int = 1204, total: Int? = 3502, rate: Int = 800, waiting: Waiting? = .rate,
    budget: Double? = 5, isStopping: Bool = false
  ) -> ProgressReport {
    var progress = RunProgress()
    progress.done = done
    progress.tally.total = total
    progress.tally.billedPerEstimated = 1.07
    progress.tally.cost = 0.0123
    progress.spent = 1.2
    progress.budget = budget
    progress.limits.tokensPerMinute = 1_000_000
    progress.isStopping = isStopping
    progress.inFlight = 1
    var window = RateWindow()
    window.add(rows: 0, tokens: 0, at: .zero)
    window.add(rows: rate, tokens: rate * 120, at: .seconds(1))
    return ProgressReport(
      progress, job: job, rate: window, elapsed: .seconds(125), waiting: waiting, at: now)
  }

  private static let reports = [
    report(), report(job: "日本語のメッセージ 👩‍👩‍👧 тест"), report(done: 12_345_678, total: 1_234_567_890, rate: 12_345),
    report(total: nil), report(done: 0, total: 0), report(rate: 0, waiting: .locks, budget: nil),
    report(isStopping: true), report(done: 3503), report(job: "a\u{1B}[2Jb\nc", rate: 1),
  ]

  @Test(arguments: reports.indices) func `no line is wider than its width, and no field is cut`(index: Int) {
    let line = LiveLine(Self.reports[index], zone: Self.zone)
    let whole = line.text(width: 1000, .plain).components(separatedBy: "  ")
    for width in 0...260 {
      let text = line.text(width: width, .plain)
      #expect(text.displayWidth <= width, "\(width): \(text)")
      #expect(!text.contains { $0.isNewline || $0 == "\u{1B}" })
      for field in text.components(separatedBy: "  ") where !field.hasPrefix("[") && !field.isEmpty {
        #expect(whole.contains(field), "\(width): \(field)")
      }
      let coloured = line.text(width: width, TerminalStyle(isTerminal: true, environment: ["TERM": "xterm"]))
      #expect(coloured.replacing(/\u{1B}\[[0-9]+m/, with: "") == text)
    }
  }

  @Test(
    arguments: [
      (25, "1,204/3,502 rows  34.3%"), (40, "1,204/3,502 rows  34.3%  ETA 3 s"),
      (53, "1,204/3,502 rows  34.3%  ETA 3 s  waiting: rate limit"),
      (81, "1,204/3,502 rows  34.3%  800 rows/s  $1.20 of $5.00  ETA 3 s  waiting: rate limit"),
      (101, "2:05  [###-------]  1,204/3,502 rows"),
      (200, "messages  2:05  [##########--------------------]  1,204/3,502 rows  34.3%"),
    ])
  func `fields are left out in their order`(width: Int, beginning: String) {
    let text = LiveLine(Self.report(), zone: Self.zone).text(width: width, .plain)
    #expect(text.hasPrefix(beginning), "\(text)")
  }

  @Test(
    arguments: [
      (40, "40 s"), (100, "2 min"), (3599, "1 h 0 min"), (4800, "1 h 20 min"), (21_599, "6 h 0 min"),
      (21_600, "27 Nov 05:10"), (86_400 * 3, "29 Nov 23:10"),
    ])
  func `an ETA that is hours away is a local time with date and zone`(seconds: Int, text: String) {
    let eta = Self.report(done: 0, total: seconds, rate: 1).etaText(zone: Self.zone) ?? ""
    #expect(eta.hasPrefix("ETA \(text)"), "\(eta)")
    #expect(eta.hasSuffix("GMT+1") == (seconds >= 21_600) || eta.hasSuffix("CET"), "\(eta)")
  }

  @Test(arguments: [(3501, "99.9%"), (3502, "100%"), (0, "0.0%")])
  func `what isn't done is never 100 percent`(done: Int, percent: String) {
    #expect(Self.report(done: done).line().contains("rows  \(percent)  "))
  }

  @Test func `a wait is told once it lasts, and no flicker of it`() {
    var window = WaitingWindow()
    var told: [Waiting?] = []
    for look in 0..<40 {
      let isSteady = look >= 20
      window.add(isSteady ? .reading : look % 5 == 0 ? .writing : nil, at: .milliseconds(200 * look))
      told.append(window.waiting)
    }
    #expect(Set(told.dropFirst().prefix(20)) == [nil])
    #expect(told.last == .reading)
    #expect(!told.contains(.writing))
  }

  @Test func `a log has a line every 10 s for a minute, and then every minute`() {
    var schedule = ProgressSchedule()
    let due = (0..<400).filter { schedule.isDue(at: .seconds($0)) }
    #expect(due == [10, 20, 30, 40, 50, 60, 120, 180, 240, 300, 360])
    let late = [4000, 4001, 4020].map { schedule.isDue(at: .seconds($0)) }
    #expect(late == [true, false, true])
  }

  @Test func `of warnings of one kind the first is told at once, the others once a minute by their number`() {
    var warnings = RepeatedWarnings()
    let told = (0..<600).filter { warnings.add("429", "openai: rate limited", at: .milliseconds($0 * 100)) }
    #expect(told == [0])
    let other = warnings.add("500", "openai: down", at: .seconds(59))
    #expect(other)
    let due = [59, 60].map { warnings.due(at: .seconds($0)) }
    #expect(due == [[], [.init(message: "openai: rate limited", count: 599)]])
    let again = (61..<63).map { warnings.add("429", "openai: rate limited", at: .seconds($0)) }
    #expect(again == [false, false])
    let rest = warnings.rest()
    #expect(rest == [.init(message: "openai: rate limited", count: 2)])
    // What came once more is no news at the end.
    let twice = (0..<2).map { warnings.add("500", "openai: down", at: .seconds($0)) }
    #expect(twice == [true, false])
    let end = warnings.rest()
    #expect(end == [])
    // A kind that kept away for a minute is news again.
    let news = [62, 124].map { time in
      let isTold = warnings.add("429", "openai: rate limited", at: .seconds(time))
      return isTold && warnings.due(at: .seconds(time + 60)).isEmpty
    }
    #expect(news == [true, true])
  }

  @Test(
    arguments: [
      (true, ["TERM": "xterm"], true, true), (true, [:], false, false), (true, ["TERM": "dumb"], false, false),
      (false, ["TERM": "xterm"], false, false), (true, ["TERM": "xterm", "NO_COLOR": "1"], false, true),
      (true, ["TERM": "xterm", "NO_COLOR": ""], true, true), (false, ["CLICOLOR_FORCE": "1"], true, false),
      (false, ["CLICOLOR_FORCE": "0"], false, false), (false, ["CLICOLOR_FORCE": "1", "NO_COLOR": "1"], false, false),
    ] as [(Bool, [String: String], Bool, Bool)])
  func `colours and a live line are for a terminal that wants them`(
    isTerminal: Bool, environment: [String: String], hasColours: Bool, movesCursor: Bool
  ) {
    let style = TerminalStyle(isTerminal: isTerminal, environment: environment)
    #expect(style.hasColours == hasColours && style.movesCursor == movesCursor)
  }
}
