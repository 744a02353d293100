/// Why a row is put into quarantine: left out until its text changes or a person retries it (P7).
package struct Condemnation: Equatable, Sendable {
  /// Who refuses the row.
  package enum Cause: Equatable, Sendable {
    /// The provider, by a failure of that kind.
    case provider(EmbeddingFailure.Kind)
    /// The database refuses the vector: a constraint, a trigger, a generated column, a value out of range.
    case database
    /// The database takes the write, and the row holds no vector after it.
    case takesNoVector
    /// The text can't be read.
    case unreadable
  }

  package let cause: Cause
  /// What was seen, in words that hold nothing of the row.
  package let reason: String

  package init(_ cause: Cause, _ reason: String) {
    self.cause = cause
    self.reason = reason
  }
}

extension Condemnation.Cause: CustomStringConvertible {
  package var description: String {
    switch self {
    case .provider(let kind): kind.rawValue
    case .database: "refusedByDatabase"
    case .takesNoVector: "takesNoVector"
    case .unreadable: "unreadable"
    }
  }
}
