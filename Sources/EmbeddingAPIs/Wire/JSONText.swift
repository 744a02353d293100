import Backfill
import Foundation

/// JSON as it is written, piece after piece.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  /// - Parameter byteCount: about how long it will be.
  init(byteCount: Int) {
    bytes.reserveCapacity(byteCount)
  }

  /// Adds what is JSON already.
  mutating func add(verbatim text: String) { bytes += text.utf8 }

  mutating func add(verbatim json: Data) { bytes += json }

  /// Adds `text` as a string, its characters as they are except those that JSON doesn't take so.
  mutating func add(string text: String) {
    var text = text
    bytes.append(UInt8(ascii: "\""))
    text.withUTF8 { text in
      JSONText.isEscaped.withUnsafeBufferPointer { isEscaped in
        var start = 0
        var index = 0
        while index < text.count {
          guard isEscaped[Int(text[index])] else {
            index += 1
            continue
          }
          bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<index]))
          addEscape(of: text[index])
          index += 1
          start = index
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start...]))
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Adds `items` as a list, each as `item` writes it.
  mutating func add<Item>(list items: [Item], _ item: (inout JSONText, Item) -> Void) {
    add(verbatim: "[")
    for (index, next) in items.enumerated() {
      if index > 0 { add(verbatim: ",") }
      item(&self, next)
    }
    add(verbatim: "]")
  }

  /// Adds a member of an object as `value` writes it, behind a comma where it isn't the first.
  mutating func add(member name: String, _ value: (inout JSONText) -> Void) {
    if let last = bytes.last, last != UInt8(ascii: "{") { add(verbatim: ",") }
    add(string: name)
    add(verbatim: ":")
    value(&self)
  }

  mutating func add(member name: String, _ value: JSONValue) { add(member: name) { $0.add(value) } }

  /// Adds `value`, an object's members by their names. A number that JSON doesn't have is null.
  mutating func add(_ value: JSONValue) {
    switch value {
    case .null: add(verbatim: "null")
    case .boolean(let value): add(verbatim: value ? "true" : "false")
    case .integer(let value): add(verbatim: "\(value)")
    case .number(let value): add(verbatim: value.isFinite ? "\(value)" : "null")
    case .string(let value): add(string: value)
    case .array(let values): add(list: values) { $0.add($1) }
    case .object(let members):
      add(verbatim: "{")
      for (name, value) in members.sorted(by: { $0.key < $1.key }) { add(member: name, value) }
      add(verbatim: "}")
    }
  }

  private mutating func addEscape(of byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): bytes += #"\""#.utf8
    case UInt8(ascii: "\\"): bytes += #"\\"#.utf8
    case 0x08: bytes += #"\b"#.utf8
    case 0x09: bytes += #"\t"#.utf8
    case 0x0A: bytes += #"\n"#.utf8
    case 0x0C: bytes += #"\f"#.utf8
    case 0x0D: bytes += #"\r"#.utf8
    default: bytes += (byte < 0x10 ? #"\u000"# : #"\u00"#).utf8 + Array(String(byte, radix: 16).utf8)
    }
  }

  private static let isEscaped = (0..<256).map { $0 < 0x20 || [0x22, 0x5C].contains($0) }
}
