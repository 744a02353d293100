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
    /// It has more tokens than the job lets a minute have.
    case overLimit
  }

  package let cause: Cause
  /// What was seen, in words that hold nothing of the row.
  package let reason: String

  package init(_ cause: Cause, _ reason: String) {
    self.cause = cause
    self.reason = reason
  }

  /// A text that is known to be too long for `model`, so that it is not even sent.
  static func tooLong(for model: Model) -> Condemnation {
    let most = model.maxInputTokens.map { "the text has more than \($0.of("token")), and" } ?? "the text"
    return Condemnation(.provider(.tooLarge), "\(most) was not sent")
  }
}

extension Condemnation.Cause {
  /// The cause of that name, as `description` gives it; nil for any other.
  package init?(named name: String) {
    let all =
      [.database, .takesNoVector, .unreadable, .overLimit] + EmbeddingFailure.Kind.allCases.map { Self.provider($0) }
    guard let cause = all.first(where: { $0.description == name }) else { return nil }
    self = cause
  }

  /// As people read it, in lists and in the log.
  package var words: String {
    switch self {
    case .provider(.badInput), .provider(.forbidden): "refused by the provider"
    case .provider(.tooLarge): "too long for the model"
    case .provider(.brokenReply): "no usable vector from the provider"
    case .provider: "fails at the provider"
    case .database: "refused by the database"
    case .takesNoVector: "takes no vector"
    case .unreadable: "unreadable"
    case .overLimit: "above the job's own limit"
    }
  }
}

/// The name for machines, which the ledger keeps.
extension Condemnation.Cause: CustomStringConvertible {
  package var description: String {
    switch self {
    case .provider(let kind): kind.rawValue
    case .database: "refusedByDatabase"
    case .takesNoVector: "takesNoVector"
    case .unreadable: "unreadable"
    case .overLimit: "overLimit"
    }
  }
}
