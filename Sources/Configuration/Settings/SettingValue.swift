/// A setting's value, of the type that its parameter takes; its description is safe to show.
package enum SettingValue: Hashable, Sendable {
  case integer(Int)
  case number(Double)
  case boolean(Bool)
  case text(String)
  case secret(Secret)
}

extension SettingValue: CustomStringConvertible {
  package var description: String {
    switch self {
    case .integer(let value): String(value)
    case .number(let value): value.formattedPlainly
    case .boolean(let value): String(value)
    case .text(let value): value
    case .secret(let value): value.redacted
    }
  }
}

extension SettingValue: Encodable {
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .boolean(let value): try container.encode(value)
    case .text(let value): try container.encode(value)
    case .secret(let value): try container.encode(value)
    }
  }
}

extension Double {
  /// The shortest digits that are this number, without a fraction where it is whole.
  var formattedPlainly: String {
    let text = String(self)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
