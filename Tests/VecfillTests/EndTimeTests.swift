import Foundation
import Testing

@testable import vecfill

/// What `--until` and `--deadline` take.
@Suite struct EndTimeTests {
  static let now = Date(timeIntervalSince1970: 1_795_730_400)  // 2026-11-26T22:00:00Z
  static let zone = TimeZone(secondsFromGMT: 3_600) ?? .gmt

  @Test(arguments: [
    ("06:00", "2026-11-27T05:00:00Z"), ("23:00", "2026-11-27T22:00:00Z"), ("23:01", "2026-11-26T22:01:00Z"),
    ("6:00", "2026-11-27T05:00:00Z"), ("2026-11-27T06:00", "2026-11-27T05:00:00Z"),
    ("2026-11-27 06:00:30", "2026-11-27T05:00:30Z"), ("2026-11-27T06:00Z", "2026-11-27T06:00:00Z"),
    ("2026-11-27T06:00:00-05:30", "2026-11-27T11:30:00Z"), ("2026-11-27T06:00+0200", "2026-11-27T04:00:00Z"),
  ])
  func `a time of the day is the next one, and a date is in the zone that it names, or here`(
    text: String, date: String
  ) throws {
    #expect(EndTime(text, after: Self.now, in: Self.zone)?.date == (try Date(date, strategy: .iso8601)))
  }

  @Test(arguments: [
    "", "25:00", "6", "6:0", "tomorrow", "2026-02-30T06:00", "2026-11-27", "2026-11-27T24:61", "06:00Z",
  ])
  func `anything else is none`(_ text: String) {
    #expect(EndTime(text, after: Self.now, in: Self.zone) == nil)
  }

  @Test(arguments: [("90s", 90), ("50m", 3_000), ("8h", 28_800)])
  func `a deadline is a number with its unit`(text: String, seconds: Int) {
    #expect(RunTime(argument: text)?.duration == .seconds(seconds))
  }

  @Test(arguments: ["", "0m", "-1m", "50", "1.5h", "50 m", "50M", "1h30m", "99999999999h", "8785h", "999999999h", "٥m"])
  func `a deadline without its unit, or of nothing, is none`(_ text: String) {
    #expect(RunTime(argument: text) == nil)
  }
}
