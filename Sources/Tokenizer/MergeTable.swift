/// Which pairs of tokens merge into which, and how to undo it.
struct MergeTable {
  static let pairSlots = 1 << 17
  static let filterWords = 1 << 14

  /// An open-addressing hash table: left (17 bits), right (17 bits), merged (17 bits); all ones where it is free.
  let pairs: UnsafeMutablePointer<UInt64>
  /// Two bits of one word for each pair: most pairs don't merge, and this table is small enough to stay in a cache.
  let filter: UnsafeMutablePointer<UInt64>
  let tokens: UnsafeMutablePointer<Token>

  /// What `left` and `right` merge into.
  @inline(__always) func merged(_ left: UInt32, _ right: UInt32) -> UInt32? {
    let key = UInt64(left) << 17 | UInt64(right)
    let hash = Self.hash(key)
    let bits = Self.filterBits(hash)
    guard filter[Int(truncatingIfNeeded: hash >> 50)] & bits == bits else { return nil }
    var slot = Int(truncatingIfNeeded: hash >> 47)
    while pairs[slot] != .max {
      if pairs[slot] >> 17 == key { return UInt32(truncatingIfNeeded: pairs[slot] & 0x1FFFF) }
      slot = (slot + 1) & (Self.pairSlots - 1)
    }
    return nil
  }

  func insert(_ left: UInt32, _ right: UInt32, into merged: UInt32) {
    let key = UInt64(left) << 17 | UInt64(right)
    let hash = Self.hash(key)
    filter[Int(truncatingIfNeeded: hash >> 50)] |= Self.filterBits(hash)
    var slot = Int(truncatingIfNeeded: hash >> 47)
    while pairs[slot] != .max { slot = (slot + 1) & (Self.pairSlots - 1) }
    pairs[slot] = key << 17 | UInt64(merged)
    let token = tokens[Int(merged)]
    tokens[Int(merged)] = Token(length: token.length, shorter: token.shorter, left: left, right: right)
  }

  @inline(__always) private static func hash(_ key: UInt64) -> UInt64 {
    key &* 0x9E37_79B9_7F4A_7C15
  }

  @inline(__always) private static func filterBits(_ hash: UInt64) -> UInt64 {
    1 &<< (hash >> 44) | 1 &<< (hash >> 38)
  }

  /// Whether merging the bytes of both, always the lowest rank first and the leftmost of equals, ends with `left` beside
  /// `right`.
  ///
  /// It goes back from the end: the higher of the two ranks was merged last, so undo that one, and ask at each step
  /// whether the pair at the boundary would have been merged instead.
  @inline(__always) func staysApart(_ left: UInt32, _ right: UInt32) -> Bool {
    var left = left
    var right = right
    // A merge across the boundary comes first if its rank is lower than this.
    var bound = UInt32.max
    while true {
      if let merged = merged(left, right), merged < bound { return false }
      let last = max(left, right)
      if last < 256 { return true }
      let undone = tokens[Int(last)]
      // All ones if it is `left` that was merged last. A branch would be mispredicted every other time.
      let isLeft = UInt32(bitPattern: Int32(bitPattern: right &- left) >> 31)
      // Of equal ranks, the leftmost comes first: one within `left` before the boundary's, that before one within `right`.
      bound = last &+ 1 &+ isLeft
      left = undone.right & isLeft | left & ~isLeft
      right = right & isLeft | undone.left & ~isLeft
    }
  }
}
