import Backfill
import Foundation

extension JSONValue {
  /// The JSON of a reply's body; nil where it is none.
  init?(_ body: Data) {
    guard let value = try? JSONDecoder().decode(JSONValue.self, from: body) else { return nil }
    self = value
  }

  /// An object's member; nil where there is none, and for null.
  subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self, let value = members[name], value != .null else { return nil }
    return value
  }

  var list: [JSONValue]? { if case .array(let values) = self { values } else { nil } }

  /// A text that isn't empty.
  var text: String? { if case .string(let text) = self, !text.isEmpty { text } else { nil } }

  /// A number that isn't negative.
  var number: Int? {
    switch self {
    case .integer(let value) where value >= 0: value
    case .number(let value): Int(exactly: value.rounded()).flatMap { $0 >= 0 ? $0 : nil }
    default: nil
    }
  }

  /// Seconds since 1970.
  var date: Date? { number.map { Date(timeIntervalSince1970: TimeInterval($0)) } }

  /// An id that may stand in a URL's path.
  var id: String? { text.flatMap { $0.isPlainWord && $0.contains(where: { $0 != "." }) ? $0 : nil } }
}
