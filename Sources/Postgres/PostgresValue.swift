import Foundation

/// A value bound to a statement's parameter.
package enum PostgresValue: Equatable, Sendable {
  case null
  /// Text, or any other type's text form: PostgreSQL infers the type from the statement.
  case text(String)
  /// A bigint.
  case integer(Int64)
  case uuid(UUID)
  /// A bytea.
  case bytes([UInt8])
  /// The binary form of the type that PostgreSQL infers from the statement.
  case binary([UInt8])
}

extension PostgresValue {
  /// An array of texts, for a parameter that is one.
  package static func array(_ elements: some Sequence<String>) -> PostgresValue {
    let quoted = elements.map { element in
      "\"" + element.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
    return .text("{\(quoted.joined(separator: ","))}")
  }
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(nilLiteral: ()) { self = .null }
}
