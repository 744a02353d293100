import Backfill

/// A line of the log about a batch, without texts (P10).
package struct BatchNews: Equatable, Sendable {
  package enum Kind: String, Sendable, CaseIterable {
    case submitted
    /// The answer to its request was lost, and it was found in the provider's list.
    case found
    /// It may have been asked for, and isn't shown yet.
    case unknown
    case fetched
    /// It has ended, and not all that it brought can be read yet.
    case unread
    case refused
    case lost
    /// What it brings will soon be deleted.
    case expiring
  }

  package let kind: Kind
  /// The provider's id of it; nil where none is known.
  package let batch: String?
  /// The name of its file.
  package let file: String
  /// The rows that it was made for.
  package let rows: Int
  package let message: String

  /// Whether a person should look at it.
  package var isWarning: Bool { ![.submitted, .fetched].contains(kind) || isIncomplete }
  /// Whether some of its lines brought nothing.
  package let isIncomplete: Bool

  init(_ kind: Kind, _ batch: SubmittedBatchName, _ message: String, isIncomplete: Bool = false) {
    self.kind = kind
    self.batch = batch.id
    file = batch.file
    rows = batch.rows
    self.message = "batch \(batch.id ?? batch.file): \(message)"
    self.isIncomplete = isIncomplete
  }
}

/// How a batch is called.
struct SubmittedBatchName {
  let id: String?
  let file: String
  let rows: Int
}
