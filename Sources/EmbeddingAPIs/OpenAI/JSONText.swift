/// JSON as it is written, piece after piece.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  /// - Parameter byteCount: about how long it will be.
  init(byteCount: Int) {
    bytes.reserveCapacity(byteCount)
  }

  /// Adds what is JSON already.
  mutating func add(verbatim text: String) { bytes += text.utf8 }

  /// Adds `text` as a string, its characters as they are but for those that JSON doesn't take so.
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
