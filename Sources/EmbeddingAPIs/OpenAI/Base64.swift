/// The standard alphabet, straight into memory: `Data(base64Encoded:)` would cost a string and a copy a vector.
enum Base64 {
  /// How many bytes `text` stands for, without its padding.
  static func byteCount(of text: UnsafeBufferPointer<UInt8>) -> Int {
    unpadded(text).count * 3 / 4
  }

  /// Writes `text`'s bytes to `output`, which must have room for `byteCount`; false where it isn't base64.
  static func decode(_ text: UnsafeBufferPointer<UInt8>, to output: UnsafeMutableRawPointer) -> Bool {
    let text = unpadded(text)
    guard text.count % 4 != 1 else { return false }
    return values.withUnsafeBufferPointer { values in
      var output = output
      var bad: UInt32 = 0
      var index = 0
      while index + 4 <= text.count {
        let a = values[Int(text[index])]
        let b = values[Int(text[index + 1])]
        let c = values[Int(text[index + 2])]
        let d = values[Int(text[index + 3])]
        let word = a << 18 | b << 12 | c << 6 | d
        bad |= a | b | c | d
        output.storeBytes(of: UInt8(truncatingIfNeeded: word >> 16), as: UInt8.self)
        output.storeBytes(of: UInt8(truncatingIfNeeded: word >> 8), toByteOffset: 1, as: UInt8.self)
        output.storeBytes(of: UInt8(truncatingIfNeeded: word), toByteOffset: 2, as: UInt8.self)
        output += 3
        index += 4
      }
      var rest: UInt32 = 0
      for offset in index..<text.count {
        let value = values[Int(text[offset])]
        bad |= value
        rest |= value << UInt32(18 - 6 * (offset - index))
      }
      for byte in 0..<max(0, text.count - index - 1) {
        let value = UInt8(truncatingIfNeeded: rest >> UInt32(16 - 8 * byte))
        output.storeBytes(of: value, toByteOffset: byte, as: UInt8.self)
      }
      return bad < 64
    }
  }

  private static func unpadded(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
    return UnsafeBufferPointer(rebasing: text.dropLast(padding))
  }

  /// Each character's six bits; 64 where it has none.
  private static let values: [UInt32] = {
    var values = [UInt32](repeating: 64, count: 256)
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for (value, character) in alphabet.utf8.enumerated() { values[Int(character)] = UInt32(value) }
    return values
  }()
}
