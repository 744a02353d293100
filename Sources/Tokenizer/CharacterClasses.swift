/// Every code point's class, in two stages: blocks of 128 code points, equal ones stored once.
struct CharacterClasses {
  static let blockCount = 0x110000 >> 7

  /// Which block describes the code points from `128 * i`, for each `i`.
  let blockNumbers: UnsafeMutablePointer<UInt8>
  /// The blocks' classes. The first block is ASCII's.
  let blocks: UnsafeMutablePointer<UInt8>

  /// The class and the width in bytes of the code point that begins at `index` of valid UTF-8.
  @inline(__always) func classAndWidth(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> (UInt8, Int) {
    let first = text[index]
    if first < 0x80 { return (blocks[Int(first)], 1) }
    @inline(__always) func tail(_ offset: Int) -> UInt32 { UInt32(text[index + offset] & 0x3F) }
    let lead = UInt32(first)
    if first < 0xE0 { return (self[(lead & 0x1F) << 6 | tail(1)], 2) }
    if first < 0xF0 { return (self[(lead & 0x0F) << 12 | tail(1) << 6 | tail(2)], 3) }
    return (self[(lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)], 4)
  }

  @inline(__always) private subscript(codePoint: UInt32) -> UInt8 {
    blocks[Int(blockNumbers[Int(codePoint >> 7)]) << 7 | Int(codePoint & 0x7F)]
  }

  /// Builds both stages from Swift's own Unicode tables.
  static func build() -> (blockNumbers: [UInt8], blocks: [UInt8]) {
    var numbers: [UInt8] = []
    var blocks: [UInt8] = []
    var known: [[UInt8]: UInt8] = [:]
    for start in stride(from: UInt32(0), to: 0x110000, by: 128) {
      let block = (start..<start + 128).map { codePoint in
        Unicode.Scalar(codePoint).map { CharacterClass($0).rawValue } ?? CharacterClass.other.rawValue
      }
      if known[block] == nil {
        known[block] = UInt8(known.count)
        blocks += block
      }
      numbers.append(known[block] ?? 0)
    }
    return (numbers, blocks)
  }
}
