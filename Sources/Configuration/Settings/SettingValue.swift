import Backfill

/// A setting's value, of the type that its parameter takes; its description is safe to show.
package enum SettingValue: Hashable, Sendable {
  case integer(Int)
  case number(Double)
  case boolean(Bool)
  case text(String)
  case secret(Secret)
  /// Fields of a JSON object.
  case object([String: JSONValue])
  /// Variables that they name stand in them by their names.
  case headers([HeaderTemplate])
}

extension SettingValue: CustomStringConvertible {
  package var description: String {
    switch self {
    case .integer(let value): String(value)
    case .number(let value): value.formattedPlainly
    case .boolean(let value): String(value)
    case .text(let value): value
    case .secret(let value): value.redacted
    case .object(let fields): "\(JSONValue.object(fields))"
    case .headers(let headers): headers.map { "\($0.name): \($0)" }.joined(separator: ", ")
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
    case .object(let fields): try container.encode(fields)
    case .headers(let headers):
      try container.encode(Dictionary(headers.map { ($0.name, "\($0)") }) { $1 })
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
