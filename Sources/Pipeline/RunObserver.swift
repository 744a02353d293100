import Backfill

/// Who hears of what a person should know while a run goes on.
package struct RunObserver: Sendable {
  /// A request of so many inputs was answered; the receipt has its latency and its tokens.
  let answered: @Sendable (_ inputs: Int, Conductor.Receipt) -> Void
  /// A request brought no vectors.
  let requestFailed: @Sendable (EmbeddingFailure) -> Void
  /// A size of requests always fails.
  let foundFailing: @Sendable (FailingSize) -> Void
  /// Rows went into quarantine.
  let condemned: @Sendable ([CondemnedRow]) -> Void
  /// So many rows of a source lack a vector as the run begins.
  let counted: @Sendable (_ source: Int, _ missing: Int) -> Void

  package init(
    answered: @escaping @Sendable (_ inputs: Int, Conductor.Receipt) -> Void = { _, _ in },
    requestFailed: @escaping @Sendable (EmbeddingFailure) -> Void,
    foundFailing: @escaping @Sendable (FailingSize) -> Void = { _ in },
    condemned: @escaping @Sendable ([CondemnedRow]) -> Void,
    counted: @escaping @Sendable (_ source: Int, _ missing: Int) -> Void
  ) {
    self.answered = answered
    self.requestFailed = requestFailed
    self.foundFailing = foundFailing
    self.condemned = condemned
    self.counted = counted
  }

  /// One that calls both.
  package func and(_ other: RunObserver?) -> RunObserver {
    guard let other else { return self }
    return RunObserver {
      answered($0, $1)
      other.answered($0, $1)
    } requestFailed: {
      requestFailed($0)
      other.requestFailed($0)
    } foundFailing: {
      foundFailing($0)
      other.foundFailing($0)
    } condemned: {
      condemned($0)
      other.condemned($0)
    } counted: {
      counted($0, $1)
      other.counted($0, $1)
    }
  }
}
