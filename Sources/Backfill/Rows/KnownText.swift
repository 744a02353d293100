/// A text that was paid for, and the row that got its vector.
package struct KnownText: Equatable, Sendable {
  package let digest: TextDigest
  package let key: RowKey
  package let tag: VectorTag

  package init(digest: TextDigest, key: RowKey, tag: VectorTag) {
    self.digest = digest
    self.key = key
    self.tag = tag
  }
}

/// 16 bytes by which a vector is known again, read from whatever column: of its values in half precision.
package struct VectorTag: Hashable, Sendable {
  package let bytes: [UInt8]

  package init(of vector: some Collection<Float>) {
    let words = vector.map { Float16($0).bitPattern.littleEndian }
    bytes = words.withUnsafeBytes { DamageTag(of: [$0]).bytes }
  }

  /// A tag from its bytes, as they were stored.
  package init(bytes: [UInt8]) {
    self.bytes = bytes
  }
}
