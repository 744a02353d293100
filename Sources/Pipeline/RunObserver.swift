import Backfill

/// Who hears of what a person should know while a run goes on.
package struct RunObserver: Sendable {
  /// A request brought no vectors.
  let requestFailed: @Sendable (EmbeddingFailure) -> Void
  /// Rows went into quarantine.
  let condemned: @Sendable ([CondemnedRow]) -> Void
  /// So many rows of a source lack a vector as the run begins.
  let counted: @Sendable (_ source: Int, _ missing: Int) -> Void

  package init(
    requestFailed: @escaping @Sendable (EmbeddingFailure) -> Void,
    condemned: @escaping @Sendable ([CondemnedRow]) -> Void,
    counted: @escaping @Sendable (_ source: Int, _ missing: Int) -> Void
  ) {
    self.requestFailed = requestFailed
    self.condemned = condemned
    self.counted = counted
  }
}
