import Foundation

/// A row's key, as its database orders it: one column's value, or several columns' in their order.
package indirect enum RowKey: Hashable, Sendable {
  case integer(Int64)
  case uuid(UUID)
  /// A text, or a value of any other ordered type (a date, a numeric) in its database's own text form.
  case text(String)
  case bytes([UInt8])
  /// At least two columns' values.
  case composite([RowKey])
}

/// Text keys are the same only byte by byte, as they are to a database: `String` alone would take "é" composed and
/// decomposed for one key.
extension RowKey {
  package static func == (a: RowKey, b: RowKey) -> Bool {
    switch (a, b) {
    case (.integer(let a), .integer(let b)): a == b
    case (.uuid(let a), .uuid(let b)): a == b
    case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
    case (.bytes(let a), .bytes(let b)): a == b
    case (.composite(let a), .composite(let b)): a == b
    default: false
    }
  }

  package func hash(into hasher: inout Hasher) {
    switch self {
    case .integer(let value): hasher.combine(value)
    case .uuid(let value): hasher.combine(value)
    case .text(let value): for byte in value.utf8 { hasher.combine(byte) }
    case .bytes(let value): hasher.combine(value)
    case .composite(let parts): for part in parts { part.hash(into: &hasher) }
    }
  }
}

extension RowKey {
  /// The types of key that can be paged.
  package indirect enum Kind: Hashable, Sendable {
    case integer, uuid, text, bytes
    case composite([Kind])
  }

  package var kind: Kind {
    switch self {
    case .integer: .integer
    case .uuid: .uuid
    case .text: .text
    case .bytes: .bytes
    case .composite(let parts): .composite(parts.map(\.kind))
    }
  }
}

extension RowKey.Kind: CustomStringConvertible {
  package var description: String {
    switch self {
    case .integer: "integer"
    case .uuid: "uuid"
    case .text: "text"
    case .bytes: "bytes"
    case .composite(let parts): "(\(parts.map(\.description).joined(separator: ", ")))"
    }
  }
}

/// As a person writes it: `42`, `a text`, `\xcafe` for bytes, `(42, 2026-11-26)` for several columns.
extension RowKey: CustomStringConvertible {
  package var description: String {
    switch self {
    case .integer(let value): String(value)
    case .uuid(let value): value.uuidString.lowercased()
    case .text(let value): value
    case .bytes(let value): "\\x" + value.hex
    case .composite(let parts): "(\(parts.map(\.description).joined(separator: ", ")))"
    }
  }
}

/// Written as an integer where it is one, as a list where it is of several columns, otherwise as `uuid:…`, `text:…` or
/// `bytes:…` in hexadecimal.
extension RowKey: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Int64.self) {
      self = .integer(value)
      return
    }
    if let parts = try? container.decode([RowKey].self) {
      self = .composite(parts)
      return
    }
    guard let key = RowKey(tagged: try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a row key")
    }
    self = key
  }

  private init?(tagged text: String) {
    // By bytes: a key may begin with what makes one character of itself and the colon, as an accent does.
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), let tag = String(text.utf8[..<colon]),
      let value = String(text.utf8[text.utf8.index(after: colon)...])
    else { return nil }
    switch tag {
    case "uuid":
      guard let uuid = UUID(uuidString: value) else { return nil }
      self = .uuid(uuid)
    case "text":
      self = .text(value)
    case "bytes":
      guard let bytes = [UInt8](hex: value) else { return nil }
      self = .bytes(bytes)
    default:
      return nil
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .integer(let value): try container.encode(value)
    case .uuid, .text: try container.encode("\(kind):\(self)")
    case .bytes(let value): try container.encode("bytes:\(value.hex)")
    case .composite(let parts): try container.encode(parts)
    }
  }
}

extension [UInt8] {
  /// Two lower-case hexadecimal digits a byte.
  package var hex: String {
    func digit(_ value: UInt8) -> UInt8 { value + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10) }
    return String(unsafeUninitializedCapacity: 2 * count) { text in
      for (index, byte) in enumerated() {
        text[2 * index] = digit(byte >> 4)
        text[2 * index + 1] = digit(byte & 15)
      }
      return 2 * count
    }
  }

  /// Reads what `hex` wrote; nil where `text` is no whole number of bytes.
  package init?(hex text: String) {
    guard text.utf8.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    var rest = Substring(text)
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    self = bytes
  }
}
