import Backfill

@testable import Pipeline

/// What a run tells those who observe it: an answer, a failure, two quarantined rows.
enum Told {
  static func tell(_ observer: RunObserver) {
    observer.answered(3, Conductor.Receipt(billedTokens: 5, latency: .milliseconds(120)))
    observer.requestFailed(EmbeddingFailure(.rateLimited, "too many requests", status: 429))
    observer.condemned([row(.provider(.badInput), key: 17), row(.database, key: 18)])
  }

  private static func row(_ cause: Condemnation.Cause, key: Int64) -> CondemnedRow {
    CondemnedRow(
      source: 0, key: .integer(key), digest: TextDigest(of: "secret"), Condemnation(cause, "<b>seen</b> & \"heard\""))
  }
}
