import Backfill
import Foundation
import Testing

/// The hours of a day in which a run may work.
@Suite struct WorkHoursTests {
  static let berlin = TimeZone(identifier: "Europe/Berlin") ?? .gmt

  static func date(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

  static func hours(_ from: String, _ to: String, _ zone: TimeZone = .gmt) throws -> WorkHours {
    WorkHours(from: try #require(WorkHours.minute(from)), to: try #require(WorkHours.minute(to)), zone: zone)
  }

  @Test(arguments: [
    ("22:00", "06:00", "2026-11-26T21:59:59Z", false, "2026-11-26T22:00:00Z"),
    ("22:00", "06:00", "2026-11-26T22:00:00Z", true, "2026-11-27T06:00:00Z"),
    ("22:00", "06:00", "2026-11-27T05:59:59Z", true, "2026-11-27T06:00:00Z"),
    ("22:00", "06:00", "2026-11-27T06:00:00Z", false, "2026-11-27T22:00:00Z"),
    ("9:30", "17:00", "2026-11-27T09:29:00Z", false, "2026-11-27T09:30:00Z"),
    ("9:30", "17:00", "2026-11-27T12:00:00Z", true, "2026-11-27T17:00:00Z"),
    ("9:30", "17:00", "2026-11-27T17:00:01Z", false, "2026-11-28T09:30:00Z"),
    ("00:00", "23:59", "2026-11-27T23:59:30Z", false, "2026-11-28T00:00:00Z"),
  ])
  func `they may pass midnight, and their end is no part of them`(
    from: String, to: String, at: String, isWithin: Bool, change: String
  ) throws {
    let (hours, date) = (try Self.hours(from, to), try Self.date(at))
    #expect(hours.contains(date) == isWithin)
    #expect(hours.nextChange(after: date) == (try Self.date(change)))
  }

  @Test(arguments: ["UTC", "GMT", "Europe/Berlin", "Asia/Tokyo"])
  func `their zone is shown as a person writes it`(_ zone: String) throws {
    let hours = try Self.hours("22:00", "06:00", try #require(TimeZone(identifier: zone)))
    let shown = zone == "GMT" ? "UTC" : zone
    #expect("\(hours)" == (hours.zone == .current ? "22:00-06:00" : "22:00-06:00 \(shown)"))
  }

  @Test(arguments: [
    // The night in which the clock skips from 2 to 3: 2:30 is no time of it.
    ("02:30", "05:00", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
    ("22:00", "06:00", "2026-03-28T23:00:00Z", "2026-03-29T04:00:00Z"),
    // The night in which the hour from 2 to 3 comes twice.
    ("22:00", "06:00", "2026-10-24T21:00:00Z", "2026-10-25T05:00:00Z"),
  ])
  func `they are those of their zone, also in the nights in which its clock is set`(
    from: String, to: String, at: String, change: String
  ) throws {
    let hours = try Self.hours(from, to, Self.berlin)
    #expect(hours.nextChange(after: try Self.date(at)) == (try Self.date(change)))
  }

  @Test(arguments: ["24:00", "7", "7:0", "07:60", "-1:00", "7:00 ", "", "٧:٠٠"])
  func `what is no time of a day is none`(_ text: String) {
    #expect(WorkHours.minute(text) == nil)
  }
}
