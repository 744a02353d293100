/// What merging needs to know of a token, in 64 bits: the tables' size in the processor's cache is what limits the speed.
struct Token: BitwiseCopyable {
  /// Length (8 bits), shorter, left and right (17 bits each).
  private let bits: UInt64

  static let none: UInt32 = 0x1FFFF

  init(length: Int, shorter: UInt32, left: UInt32, right: UInt32) {
    bits = UInt64(length) | UInt64(shorter) << 8 | UInt64(left) << 25 | UInt64(right) << 42
  }

  /// In bytes.
  @inline(__always) var length: Int { Int(truncatingIfNeeded: bits & 0xFF) }
  /// The longest other token that this one begins with, or ``none``.
  @inline(__always) var shorter: UInt32 { UInt32(truncatingIfNeeded: bits >> 8 & 0x1FFFF) }
  /// The two tokens whose merge makes this one, if it is longer than a byte.
  @inline(__always) var left: UInt32 { UInt32(truncatingIfNeeded: bits >> 25 & 0x1FFFF) }
  @inline(__always) var right: UInt32 { UInt32(truncatingIfNeeded: bits >> 42 & 0x1FFFF) }
}
