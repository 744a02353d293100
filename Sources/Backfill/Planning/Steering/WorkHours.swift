import Foundation

/// The hours of each day in which a run may work, in a zone's own time; they may pass midnight.
package struct WorkHours: Equatable, Sendable {
  /// Minutes since midnight.
  package let from: Int
  package let to: Int
  package let zone: TimeZone

  /// - Parameters:
  ///   - from: the minute since midnight with which they begin.
  ///   - to: the one with which they end, another one than `from`.
  package init(from: Int, to: Int, zone: TimeZone) {
    self.from = from
    self.to = to
    self.zone = zone
  }

  /// Whether `date` is within them.
  package func contains(_ date: Date) -> Bool {
    let parts = WorkHours.calendar(of: zone).dateComponents([.hour, .minute], from: date)
    let minute = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
    return from < to ? (from..<to).contains(minute) : minute >= from || minute < to
  }

  /// When they begin or end next after `date`. Where the clock skips that time, it is the first one after it.
  package func nextChange(after date: Date) -> Date {
    WorkHours.next(contains(date) ? to : from, after: date, in: zone) ?? date.addingTimeInterval(86_400)
  }

  /// When a clock in `zone` next shows a minute since midnight. Where it skips that minute, it is the first time after it.
  package static func next(_ minute: Int, after date: Date, in zone: TimeZone) -> Date? {
    calendar(of: zone).nextDate(
      after: date, matching: DateComponents(hour: minute / 60, minute: minute % 60, second: 0),
      matchingPolicy: .nextTime)
  }

  private static func calendar(of zone: TimeZone) -> Calendar {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    return calendar
  }

  /// The minute since midnight of "22:00"; nil for anything else.
  package static func minute(_ text: some StringProtocol) -> Int? {
    guard let match = String(text).wholeMatch(of: #/(\d\d?):(\d\d)/#), let hour = Int(match.1),
      let minute = Int(match.2), hour < 24, minute < 60
    else { return nil }
    return hour * 60 + minute
  }
}

extension WorkHours: CustomStringConvertible {
  package var description: String {
    "\(WorkHours.text(from))-\(WorkHours.text(to))"
      + (zone == .current ? "" : " \(zone.identifier == "GMT" ? "UTC" : zone.identifier)")
  }

  private static func text(_ minute: Int) -> String {
    "\((minute / 60).twoDigits):\((minute % 60).twoDigits)"
  }
}
