import Backfill

extension Embedder {
  /// Embeds outside of any run, of which each failure would end the command: what is likely to pass is tried again.
  ///
  /// - Parameter longestWait: a provider that asks for more is not waited for.
  func embedWithTries(
    _ texts: [String], as role: EmbeddingRole, longestWait: Duration = .seconds(10)
  ) async throws(EmbeddingFailure) -> EmbeddingReply {
    var random = SystemRandomNumberGenerator()
    var attempt = 1
    while true {
      let failure: EmbeddingFailure
      do {
        return try await embed(texts, as: role)
      } catch {
        failure = error
      }
      // Who can't be reached was not found, as a rule: a run asks once more, too.
      let tries = failure.kind == .unreachable ? 2 : 4
      guard [.retry, .hold].contains(failure.kind.failureClass.reaction), attempt < tries,
        failure.asksToWait ?? .zero <= longestWait
      else { throw failure }
      let wait = RetryPolicy().delay(attempt: attempt, retryAfter: failure.asksToWait, using: &random)
      guard (try? await Task.sleep(for: wait)) != nil else { throw EmbeddingFailure(.cancelled, "cancelled") }
      attempt += 1
    }
  }
}
