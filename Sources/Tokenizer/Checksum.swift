/// A 64-bit checksum against damage. It is not a cryptographic hash.
struct Checksum: Equatable {
  let value: UInt64

  init(_ value: UInt64) {
    self.value = value
  }

  init(of bytes: UnsafeRawBufferPointer) {
    var lanes: SIMD4<UInt64> = [1, 2, 3, 4]
    let odd = SIMD4<UInt64>(repeating: 0x9E37_79B9_7F4A_7C15)
    let whole = bytes.count & ~31
    for offset in stride(from: 0, to: whole, by: 32) {
      let words = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      lanes = (lanes ^ words) &* odd
      lanes = lanes &<< 29 | lanes &>> 35
    }
    var value = UInt64(bytes.count)
    func mix(_ word: UInt64) {
      value = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
      value = value &<< 29 | value &>> 35
    }
    for lane in lanes.indices { mix(lanes[lane]) }
    for byte in bytes[whole...] { mix(UInt64(byte)) }
    self.value = value
  }
}
