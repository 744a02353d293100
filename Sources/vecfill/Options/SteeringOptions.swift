import ArgumentParser
import Backfill
import Foundation

/// When a run stops before all is done, and with which exit code (docs/steering.md).
struct SteeringOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Stop after this time, e.g. 90s, 50m or 8h.", valueName: "time"))
  var deadline: RunTime?

  @Option(
    help: ArgumentHelp(
      "Stop at the next such local time, e.g. 06:00, or at a date and time, e.g. 2026-11-27T06:00.", valueName: "time"))
  var until: EndTime?

  @Option(help: ArgumentHelp("Stop after so many written rows.", valueName: "rows"))
  var maxRows: Int?

  @Option(help: ArgumentHelp("Stop after so many requests, retries included.", valueName: "requests"))
  var maxRequests: Int?

  @Flag(help: "Exit with 81, not 0, if one of these bounds, the job's hours or `vecfill stop` left work.")
  var requireComplete = false

  @Option(
    help: ArgumentHelp(
      "When rows in quarantine mean exit code 83: with any of them, with new ones since the job was last complete, or never.",
      valueName: "quarantined|new|never")
  )
  var failOn = FailOn.new

  func validate() throws {
    for (name, value) in [("--max-rows", maxRows), ("--max-requests", maxRequests)] where value ?? 1 < 1 {
      throw ValidationError("\(name) takes a number from 1")
    }
    if let until, until.date <= Date() { throw ValidationError("--until names a time that is over") }
  }

  var bounds: Bounds { Bounds(rows: maxRows, requests: maxRequests) }
}

extension FailOn: ExpressibleByArgument {}

/// A time that a run may take, up to a year: "90s", "50m", "8h".
struct RunTime: ExpressibleByArgument {
  let duration: Duration

  init?(argument: String) {
    guard let match = argument.wholeMatch(of: #/([0-9]{1,9})(s|m|h)/#), let number = Int(match.1) else { return nil }
    let seconds = number * (["s": 1, "m": 60, "h": 3_600][String(match.2)] ?? 1)
    guard (1...366 * 86_400).contains(seconds) else { return nil }
    duration = .seconds(seconds)
  }
}

/// A time of the day, for the next one, or a date with a time; both local where no zone stands behind it.
struct EndTime: ExpressibleByArgument {
  let date: Date

  init?(argument: String) { self.init(argument, after: Date(), in: .current) }

  init?(_ text: String, after now: Date, in zone: TimeZone) {
    if let minute = WorkHours.minute(text) {
      guard let date = WorkHours.next(minute, after: now, in: zone) else { return nil }
      self.date = date
      return
    }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    let pattern =
      #/([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?(Z|[+-][0-9]{2}:?[0-9]{2})?/#
    guard let match = text.wholeMatch(of: pattern) else { return nil }
    if let named = match.7 {
      let digits = named.filter(\.isNumber)
      let offset = (Int(digits.prefix(2)) ?? 0) * 3_600 + (Int(digits.suffix(2)) ?? 0) * 60
      guard let zone = TimeZone(secondsFromGMT: named.hasPrefix("-") ? -offset : offset) else { return nil }
      calendar.timeZone = zone
    }
    let parts = DateComponents(
      calendar: calendar, year: Int(match.1), month: Int(match.2), day: Int(match.3), hour: Int(match.4),
      minute: Int(match.5), second: match.6.flatMap { Int($0) } ?? 0)
    guard parts.isValidDate, let date = calendar.date(from: parts) else { return nil }
    self.date = date
  }
}
