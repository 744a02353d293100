import Backfill
import Configuration

/// One JSON value in one line, its keys sorted and in snake case, null in place of what is missing.
enum JSONLine {
  static func encode(_ value: some Encodable) -> String {
    ((try? JSONValue(report: value)) ?? .null).description
  }
}
