/// All tokens' bytes, as a double-array trie: a node's child by a byte is in the slot `base ^ byte`, if that slot names the
/// node as its parent.
struct TokenTrie {
  let slots: UnsafeMutablePointer<Slot>

  /// One node in 64 bits, so that a step costs one load: parent (20 bits), base (20 bits), token + 1 or 0 (24 bits).
  struct Slot {
    static let limit = 1 << 20
    static let free = Slot(bits: .max)

    var bits: UInt64

    init(bits: UInt64) {
      self.bits = bits
    }

    init(parent: Int, base: Int, token: UInt32?) {
      bits = UInt64(parent) | UInt64(base) << 20 | (token.map { UInt64($0) + 1 } ?? 0) << 40
    }

    @inline(__always) var parent: Int { Int(truncatingIfNeeded: bits & 0xFFFFF) }
    @inline(__always) var base: Int { Int(truncatingIfNeeded: bits >> 20 & 0xFFFFF) }
    @inline(__always) var tokenPlusOne: UInt32 { UInt32(truncatingIfNeeded: bits >> 40) }
  }

  /// The longest token that is in `bytes` at `start`, and where it ends. Every byte is a token, so there is one.
  @inline(__always) func longestToken(
    _ bytes: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> (token: UInt32, end: Int) {
    var node = 0
    var slot = slots[0]
    var token: UInt32 = 0
    var end = start
    var index = start
    while index < bytes.count {
      let child = slot.base ^ Int(bytes[index])
      slot = slots[child]
      guard slot.parent == node else { break }
      node = child
      index &+= 1
      if slot.tokenPlusOne > 0 {
        token = slot.tokenPlusOne &- 1
        end = index
      }
    }
    return (token, end)
  }

  /// The token that `bytes` are, if they are one.
  func token(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
    let (token, end) = longestToken(bytes, from: 0)
    return end > 0 && end == bytes.count ? token : nil
  }
}
