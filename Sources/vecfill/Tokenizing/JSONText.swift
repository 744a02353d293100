/// Reads a JSON string as Python's `json` and tiktoken do: a lone surrogate, which Swift's own decoder refuses, is U+FFFD.
enum JSONText {
  /// The text of the one JSON string that `line` is; nil if it is anything else.
  static func decode(_ line: UnsafeBufferPointer<UInt8>) -> String? {
    var line = line[...]
    while let first = line.first, isSpace(first) { line.removeFirst() }
    while let last = line.last, isSpace(last) { line.removeLast() }
    guard line.count >= 2, line.removeFirst() == UInt8(ascii: "\""), line.removeLast() == UInt8(ascii: "\"") else {
      return nil
    }
    var text: [UInt8] = []
    text.reserveCapacity(line.count)
    while !line.isEmpty {
      let plain = line.prefix { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
      text += plain
      line = line[plain.endIndex...]
      guard let next = line.popFirst() else { break }
      guard next == UInt8(ascii: "\\"), let scalar = unescape(&line) else { return nil }
      if let bytes = UTF8.encode(scalar) { text += bytes }
    }
    return String(validating: text, as: UTF8.self)
  }

  /// Takes an escape that follows its backslash.
  private static func unescape(_ line: inout Slice<UnsafeBufferPointer<UInt8>>) -> Unicode.Scalar? {
    switch line.popFirst() {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = codeUnit(&line) else { return nil }
      guard UTF16.isLeadSurrogate(unit), line.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else {
        return Unicode.Scalar(unit) ?? "\u{FFFD}"
      }
      var rest = line.dropFirst(2)
      guard let trail = codeUnit(&rest) else { return nil }
      guard UTF16.isTrailSurrogate(trail) else { return "\u{FFFD}" }
      line = rest
      return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
    default: return nil
    }
  }

  /// Takes four hexadecimal digits.
  private static func codeUnit(_ line: inout Slice<UnsafeBufferPointer<UInt8>>) -> UInt16? {
    let digits = line.prefix(4)
    line = line.dropFirst(4)
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
    return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
}
