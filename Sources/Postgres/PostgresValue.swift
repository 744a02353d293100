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
    let (quote, escape) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
    // Byte by byte: a write has an array of a digest and a key for each of its rows.
    var literal = [UInt8(ascii: "{")]
    for element in elements {
      if literal.count > 1 { literal.append(UInt8(ascii: ",")) }
      literal.append(quote)
      for byte in element.utf8 {
        if byte == quote || byte == escape { literal.append(escape) }
        literal.append(byte)
      }
      literal.append(quote)
    }
    literal.append(UInt8(ascii: "}"))
    return .text(String(decoding: literal, as: UTF8.self))
  }
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(nilLiteral: ()) { self = .null }
}
