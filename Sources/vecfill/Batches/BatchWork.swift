import Backfill
import Configuration
import Logging
import Pipeline

/// The batch API of a job's provider, and how its run uses it.
struct BatchWork: Sendable {
  let provider: any BatchProvider
  /// Asks for what goes by requests: the server's own name for the model is one for both.
  let embedder: any Embedder
  let terms: BatchTerms

  /// Throws a `Failure` with `.configuration` where the provider has no batch API.
  init(_ configuration: JobConfiguration, _ job: Job, _ terms: BatchTerms, _ logger: Logger) throws {
    (provider, embedder) = try configuration.provider().makeBatchProvider(for: job.model) { logger.notice("\($0)") }
    self.terms = terms
  }
}

extension Logger {
  /// Tells what has become of a batch.
  func tell(_ news: BatchNews) {
    tell(
      news.isWarning ? .warning : .info, .batch, news.message,
      [
        "kind": .string(news.kind.rawValue), "batch": JSONValue(news.batch), "file": .string(news.file),
        "rows": .integer(news.rows),
      ])
  }
}
