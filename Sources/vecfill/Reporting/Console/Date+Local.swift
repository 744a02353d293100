import Backfill
import Foundation

extension Date {
  /// When a line of a log was written, in local time: "22:10:05" for one who looks at it now, else with date and zone.
  func stamp(isShort: Bool, zone: TimeZone = .current) -> String {
    let style = ISO8601FormatStyle(timeZone: zone)
    return isShort ? formatted(style.time(includingFractionalSeconds: false)) : formatted(style)
  }

  /// "27 Nov 06:40 CET": a local time that may be another day's.
  func clockTime(zone: TimeZone = .current) -> String {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    let parts = calendar.dateComponents([.day, .month, .hour, .minute], from: self)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let time = "\((parts.hour ?? 0).twoDigits):\((parts.minute ?? 0).twoDigits)"
    return "\(parts.day ?? 0) \(months[((parts.month ?? 1) - 1) % 12]) \(time) \(zone.abbreviation(for: self) ?? "GMT")"
  }
}
