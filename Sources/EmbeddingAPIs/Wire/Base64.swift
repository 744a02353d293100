import Foundation

/// Both alphabets, the standard one and that of URLs, straight into memory: `Data(base64Encoded:)` would cost a string and a copy a vector.
enum Base64 {
  /// How many bytes `text` stands for, without its padding.
  static func byteCount(of text: UnsafeBufferPointer<UInt8>) -> Int {
    unpadded(text).count * 3 / 4
  }

  /// Writes `text`'s bytes to `output`, which must have room for `byteCount`; false where it isn't base64.
  static func decode(_ text: UnsafeBufferPointer<UInt8>, to output: UnsafeMutableRawPointer) -> Bool {
    let text = unpadded(text)
    guard text.count % 4 != 1 else { return false }
    let characters = UnsafeRawBufferPointer(text)
    return values.withUnsafeBufferPointer { values in
      var output = output
      var bad: UInt64 = 0
      var index = 0
      // Eight characters at once: their six bytes are written with two more behind them, which those that follow mend.
      while index + 12 <= characters.count {
        let eight = UInt64(littleEndian: characters.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        let a = UInt64(values[Int(truncatingIfNeeded: eight & 0xFFFF)])
        let b = UInt64(values[Int(truncatingIfNeeded: eight &>> 16 & 0xFFFF)])
        let c = UInt64(values[Int(truncatingIfNeeded: eight &>> 32 & 0xFFFF)])
        let d = UInt64(values[Int(truncatingIfNeeded: eight &>> 48)])
        bad |= a | b | c | d
        let word = a &<< 52 | b &<< 40 | c &<< 28 | d &<< 16
        output.storeBytes(of: word.bigEndian, as: UInt64.self)
        output += 6
        index += 8
      }
      while index < characters.count {
        // "A" stands for six bits that are none.
        func character(_ offset: Int) -> Int {
          index + offset < characters.count ? Int(characters[index + offset]) : Int(UInt8(ascii: "A"))
        }
        let high = UInt64(values[character(0) | character(1) << 8])
        let low = UInt64(values[character(2) | character(3) << 8])
        bad |= high | low
        for byte in 0..<min(4, characters.count - index) * 3 / 4 {
          let value = UInt8(truncatingIfNeeded: (high << 12 | low) >> UInt64(16 - 8 * byte))
          output.storeBytes(of: value, toByteOffset: byte, as: UInt8.self)
        }
        output += 3
        index += 4
      }
      return bad < Self.bad
    }
  }

  /// The float32 values that `text` stands for; nil where it is no base64 of such.
  static func floats(of text: UnsafeBufferPointer<UInt8>) -> [Float]? {
    let count = byteCount(of: text)
    guard count.isMultiple(of: 4) else { return nil }
    var isDecoded = count == 0
    let floats = [Float](unsafeUninitializedCapacity: count / 4) { buffer, initialized in
      guard let start = buffer.baseAddress else { return }
      isDecoded = decode(text, to: start)
      initialized = count / 4
    }
    return isDecoded ? floats : nil
  }

  /// Calls `body` with `text` without the line breaks and blanks that some encoders put into it.
  static func withoutBlanks<Result>(
    _ text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result {
    guard let start = text.baseAddress, blanks.contains(where: { memchr(start, Int32($0), text.count) != nil }) else {
      return try body(text)
    }
    return try text.filter { !blanks.contains($0) }.withUnsafeBufferPointer(body)
  }

  private static let blanks: [UInt8] = [0x0A, 0x0D, 0x20, 0x09]

  private static func unpadded(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
    return UnsafeBufferPointer(rebasing: text.dropLast(padding))
  }

  /// What stands for two characters of which one is none of the alphabet.
  private static let bad: UInt16 = 1 << 12

  /// The twelve bits of each two characters, the first of which is the lower byte of the place.
  private static let values: [UInt16] = {
    var values = [UInt16](repeating: bad, count: 1 << 16)
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    let digits = Array(alphabet.enumerated()) + [(62, UInt8(ascii: "-")), (63, UInt8(ascii: "_"))]
    for (high, first) in digits {
      for (low, second) in digits {
        values[Int(first) | Int(second) << 8] = UInt16(high << 6 | low)
      }
    }
    return values
  }()
}
