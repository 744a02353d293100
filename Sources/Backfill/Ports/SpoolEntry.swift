import Foundation

/// A reply as the database's spool holds it: keys, digests and vectors, and no text (P10).
package struct SpoolEntry: Sendable {
  /// Which reply it is, in every ledger and on every machine.
  package struct ID: Hashable, Sendable {
    package let column: ColumnIdentity
    /// The run that received it, by a name that no other run has.
    package let run: UUID
    /// The batch's number in its run.
    package let number: Int

    package init(column: ColumnIdentity, run: UUID, number: Int) {
      self.column = column
      self.run = run
      self.number = number
    }
  }

  /// What is known of an entry without its vectors.
  package struct Head: Sendable {
    package let id: ID
    package let rows: Int
    package let receivedAt: Date

    package init(id: ID, rows: Int, receivedAt: Date) {
      self.id = id
      self.rows = rows
      self.receivedAt = receivedAt
    }
  }

  package let id: ID
  /// How what follows is to be read; each version reads those up to its own.
  package let format: Int
  /// How many rows wait for it.
  package let rows: Int
  /// What the vectors are made of, as a database records it.
  package let fingerprint: String
  /// The key's columns as a person writes them.
  package let key: String
  /// What was billed, as JSON.
  package let receipt: String
  /// The rows, as the ledger keeps them.
  package let contents: Data
  package let vectors: Vectors
  package var checksum: Data

  package init(
    id: ID, format: Int, rows: Int, fingerprint: String, key: String, receipt: String, contents: Data,
    vectors: Vectors, checksum: Data
  ) {
    self.id = id
    self.format = format
    self.rows = rows
    self.fingerprint = fingerprint
    self.key = key
    self.receipt = receipt
    self.contents = contents
    self.vectors = vectors
    self.checksum = checksum
  }
}
