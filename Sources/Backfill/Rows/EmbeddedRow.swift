/// A vector on its way to its row, with what the row must still be for the vector to be written (P3).
package struct EmbeddedRow: Equatable, Sendable {
  package let key: RowKey
  /// The SHA-256 of the text column's value as it was read, before any preparation.
  package let digest: TextDigest
  package let vector: ArraySlice<Float>

  package init(key: RowKey, digest: TextDigest, vector: ArraySlice<Float>) {
    self.key = key
    self.digest = digest
    self.vector = vector
  }
}
