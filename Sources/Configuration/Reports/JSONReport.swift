import Backfill
import Foundation

/// JSON for people and machines: indented, with keys in order and in snake case, null in place of what is missing.
enum JSONReport {
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(JSONValue(report: value)), as: UTF8.self)
  }
}
