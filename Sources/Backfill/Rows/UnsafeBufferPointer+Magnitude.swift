extension UnsafeBufferPointer<Float> {
  /// The bits of the value that is farthest from 0: 0 where all are zero, and at least those of infinity where one is not
  /// finite.
  ///
  /// Without its sign a float's bits are a number that grows with it, infinity and NaN above all: one that a loop without
  /// an exit finds many at a time. An index, not an iterator: that is fast without optimisation too.
  package var greatestMagnitude: Int32 {
    var most: Int32 = 0
    var index = 0
    while index < count {
      most = Swift.max(most, Int32(bitPattern: self[index].bitPattern & 0x7FFF_FFFF))
      index &+= 1
    }
    return most
  }

  /// Whether a search can tell how near the vector is to others: pgvector's distances are made of squared lengths, which it
  /// adds up as float32. Not for values that are not finite.
  ///
  /// The greatest value alone shows it of all but very strange vectors.
  package var hasUsualLength: Bool {
    let greatest = Double(Float(bitPattern: UInt32(greatestMagnitude)))
    let usual = Double(Float.leastNormalMagnitude)...Double(Float.greatestFiniteMagnitude)
    if usual.contains(greatest * greatest), usual.contains(greatest * greatest * Double(count)) { return true }
    return usual.contains(reduce(0) { $0 + Double($1) * Double($1) })
  }
}

extension Float {
  /// The least that `greatestMagnitude` is where a value is not finite.
  package static let infiniteMagnitude = Int32(bitPattern: infinity.bitPattern)
}
