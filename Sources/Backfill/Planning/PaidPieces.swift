/// The pieces of a row's text whose vectors are in the ledger.
package struct PaidPieces: Equatable, Sendable {
  /// The digest of the text that was cut.
  package let digest: TextDigest
  /// The batch that has each.
  package private(set) var batches: [Piece: BatchID] = [:]

  package init(digest: TextDigest) {
    self.digest = digest
  }

  package mutating func add(_ piece: Piece, in batch: BatchID) {
    batches[piece] = batch
  }
}
