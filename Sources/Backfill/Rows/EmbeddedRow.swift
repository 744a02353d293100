/// A vector on its way to its row, with what the row must still be for the vector to be written (P3).
package struct EmbeddedRow: Equatable, Sendable {
  package let key: RowKey
  /// The SHA-256 of the text column's value as it was read, before any preparation.
  package let digest: TextDigest
  package let vector: ArraySlice<Float>
  /// Which piece of the text the vector is of; nil where it stands for all of it.
  package let piece: Piece?

  package init(key: RowKey, digest: TextDigest, vector: ArraySlice<Float>, piece: Piece? = nil) {
    self.key = key
    self.digest = digest
    self.vector = vector
    self.piece = piece
  }
}
