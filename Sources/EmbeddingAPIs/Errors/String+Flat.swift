import Foundation

extension String {
  /// On one line: white space and control characters are single blanks, and format characters, which nobody sees, are gone.
  var flat: String {
    var line = String.UnicodeScalarView()
    var isBehindBlank = false
    for scalar in unicodeScalars {
      let isPlain = (0x21...0x7E).contains(scalar.value)
      if !isPlain, scalar.properties.generalCategory == .format { continue }
      if !isPlain, scalar.properties.isWhitespace || scalar.properties.generalCategory == .control {
        isBehindBlank = true
        continue
      }
      if isBehindBlank, !line.isEmpty { line.append(" ") }
      isBehindBlank = false
      line.append(scalar)
    }
    return String(line)
  }

  /// Whether `flat` may be something else; by bytes, for this is asked of long texts.
  var mayNotBeFlat: Bool {
    var last = UInt8(ascii: " ")
    for byte in utf8 {
      guard (0x20...0x7E).contains(byte), byte != 0x20 || last != 0x20 else { return true }
      last = byte
    }
    return last == UInt8(ascii: " ")
  }

  /// With the characters that JSON's escapes stand for, however often the escapes are escaped.
  var unescaped: String {
    guard contains("\\u") else { return self }
    return replacing(/(?:\\+u[0-9a-fA-F]{4})+/) { match in
      String(decoding: match.0.split(separator: /\\+u/).compactMap { UInt16($0, radix: 16) }, as: UTF16.self)
    }
  }
}
