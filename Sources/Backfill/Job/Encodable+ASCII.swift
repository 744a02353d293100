import Foundation

extension Encodable {
  /// As JSON in ASCII, its keys sorted: a database of any encoding can hold it.
  func asciiJSON() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var text = ""
    for unit in String(decoding: try encoder.encode(self), as: UTF8.self).utf16 {
      if unit < 0x80 {
        text.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
      } else {
        let digits = String(unit, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return text
  }
}
