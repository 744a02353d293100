import Foundation

/// A row's primary key, of one of the types that can be paged.
package enum RowKey: Hashable, Sendable {
  case integer(Int64)
  case uuid(UUID)
  case text(String)
}

/// Text keys are the same only byte by byte, as they are to a database: `String` alone would take "é" composed and
/// decomposed for one key.
extension RowKey {
  package static func == (a: RowKey, b: RowKey) -> Bool {
    switch (a, b) {
    case (.integer(let a), .integer(let b)): a == b
    case (.uuid(let a), .uuid(let b)): a == b
    case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
    default: false
    }
  }

  package func hash(into hasher: inout Hasher) {
    switch self {
    case .integer(let value): hasher.combine(value)
    case .uuid(let value): hasher.combine(value)
    case .text(let value): for byte in value.utf8 { hasher.combine(byte) }
    }
  }
}

extension RowKey {
  /// The types of key that can be paged.
  package enum Kind: String, Sendable, Codable {
    case integer, uuid, text
  }

  /// Reads what `description` wrote; nil where `text` is not of that kind.
  package init?(_ text: String, kind: Kind) {
    switch kind {
    case .integer:
      guard let value = Int64(text) else { return nil }
      self = .integer(value)
    case .uuid:
      guard let value = UUID(uuidString: text) else { return nil }
      self = .uuid(value)
    case .text:
      self = .text(text)
    }
  }

  package var kind: Kind {
    switch self {
    case .integer: .integer
    case .uuid: .uuid
    case .text: .text
    }
  }
}

extension RowKey: CustomStringConvertible {
  package var description: String {
    switch self {
    case .integer(let value): String(value)
    case .uuid(let value): value.uuidString.lowercased()
    case .text(let value): value
    }
  }
}

/// Written as an integer where it is one, otherwise as `uuid:…` or `text:…`.
extension RowKey: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Int64.self) {
      self = .integer(value)
      return
    }
    let text = try container.decode(String.self)
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])), let key = RowKey(String(parts[1]), kind: kind)
    else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a row key")
    }
    self = key
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if case .integer(let value) = self {
      try container.encode(value)
    } else {
      try container.encode("\(kind.rawValue):\(self)")
    }
  }
}
