/// A random share of a table's rows: those whose key's digest, with a seed, is below a bound.
///
/// A database can choose them itself while a source is paged, so that no other text is read, and the same seed chooses
/// the same rows.
package struct KeySample: Hashable, Sendable {
  /// The share of the rows, from 0 to 1.
  package let share: Double
  package let seed: UInt64

  package init(share: Double, seed: UInt64) {
    self.share = min(1, max(0, share))
    self.seed = seed
  }

  /// What is appended to the key's text before it is digested.
  package var salt: String { "/\(seed)" }

  /// A row is chosen where the SHA-256 of its key's text and the salt sorts before these 8 bytes.
  package var bound: [UInt8] {
    let bound = share >= 1 ? UInt64.max : UInt64(share * 0x1p64)
    return withUnsafeBytes(of: bound.bigEndian) { Array($0) }
  }
}
