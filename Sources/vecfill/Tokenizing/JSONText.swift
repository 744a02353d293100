/// Reads a JSON string as Python's `json` and tiktoken do: a lone surrogate, which Swift's own decoder refuses, is U+FFFD.
struct JSONText {
  private let line: UnsafeBufferPointer<UInt8>
  private var index: Int
  /// Where the closing quote is.
  private let end: Int

  /// The text of the one JSON string that `line` is; nil if it is anything else.
  static func decode(_ line: UnsafeBufferPointer<UInt8>) -> String? {
    guard var reader = JSONText(line) else { return nil }
    return reader.text()
  }

  private init?(_ line: UnsafeBufferPointer<UInt8>) {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
    var start = 0
    var end = line.count - 1
    while start < end, isSpace(line[start]) { start += 1 }
    while start < end, isSpace(line[end]) { end -= 1 }
    guard start < end, line[start] == UInt8(ascii: "\""), line[end] == UInt8(ascii: "\"") else { return nil }
    self.line = line
    self.index = start + 1
    self.end = end
  }

  private mutating func text() -> String? {
    var text: [UInt8] = []
    text.reserveCapacity(end - index)
    while true {
      let start = index
      while index < end, line[index] >= 0x20, line[index] != UInt8(ascii: "\""), line[index] != UInt8(ascii: "\\") {
        index += 1
      }
      text.append(contentsOf: UnsafeBufferPointer(rebasing: line[start..<index]))
      if index == end { return String(validating: text, as: UTF8.self) }
      guard next() == UInt8(ascii: "\\"), let scalar = unescape(), let bytes = UTF8.encode(scalar) else { return nil }
      text.append(contentsOf: bytes)
    }
  }

  private mutating func next() -> UInt8? {
    guard index < end else { return nil }
    index += 1
    return line[index - 1]
  }

  /// Takes an escape that follows its backslash.
  private mutating func unescape() -> Unicode.Scalar? {
    switch next() {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = codeUnit() else { return nil }
      guard UTF16.isLeadSurrogate(unit), index + 1 < end, line[index] == UInt8(ascii: "\\"),
        line[index + 1] == UInt8(ascii: "u")
      else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
      let afterLead = index
      index += 2
      guard let trail = codeUnit() else { return nil }
      if UTF16.isTrailSurrogate(trail) { return UTF16.decode(UTF16.EncodedScalar([unit, trail])) }
      index = afterLead
      return "\u{FFFD}"
    default: return nil
    }
  }

  /// Takes four hexadecimal digits.
  private mutating func codeUnit() -> UInt16? {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = next().flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else { return nil }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }
}
