import Backfill
import Foundation

extension WorkHours {
  /// "22:00-06:00", or a mapping that names a zone as well.
  init(_ value: YAMLValue) throws(Failure) {
    let (from, to, zone): (Int?, Int?, TimeZone?)
    if value.isMapping {
      let mapping = try value.mapping(keys: ["from", "to", "zone"])
      (from, to) = (try Self.time(mapping.required("from")), try Self.time(mapping.required("to")))
      zone = try mapping["zone"].map { name throws(Failure) in
        guard let zone = TimeZone(identifier: try name.text(.word)) else {
          throw Failure(.configuration, name.place, "\(name.path) must be a time zone, e.g. Europe/Berlin")
        }
        return zone
      }
    } else {
      let parts = (value.plainText ?? value.quotedText ?? "").split(separator: "-", omittingEmptySubsequences: false)
      (from, to) = parts.count == 2 ? (Self.minute(parts[0].trimming), Self.minute(parts[1].trimming)) : (nil, nil)
      zone = nil
    }
    guard let from, let to, from != to else {
      let times = from == nil || to == nil ? "two times from 00:00 to 23:59" : "two different times"
      throw Failure(
        .configuration, value.place, "\(value.path) must be \(times), e.g. \"22:00-06:00\"; for all day leave it out",
        remedy: "to name a zone write hours: {from: \"22:00\", to: \"06:00\", zone: Europe/Berlin}")
    }
    self.init(from: from, to: to, zone: zone ?? .current)
  }

  private static func time(_ value: YAMLValue) throws(Failure) -> Int {
    // 22:00 without quotes is a number in YAML 1.1, of which the digits are taken all the same.
    guard let minute = minute(value.plainText ?? value.quotedText ?? "") else {
      throw Failure(.configuration, value.place, "\(value.path) must be a time, e.g. \"22:00\"")
    }
    return minute
  }
}

extension Substring {
  fileprivate var trimming: String { trimmingCharacters(in: .whitespaces) }
}
