import Backfill
import Foundation

extension EmbeddingFailure {
  /// Judges a request that brought no reply.
  init(_ failure: HTTPFailure) {
    let kind: Kind =
      switch failure.cause {
      case .unreachable: .unreachable
      case .interrupted, .timedOut: .transient
      case .misconfigured: .misconfigured
      case .cancelled: .cancelled
      }
    self.init(kind, failure.reason, mayHaveBeenBilled: failure.wasSent)
  }

  /// Judges a reply of another status than 200 to a request with `inputCount` inputs, by `ErrorRule.table`.
  ///
  /// `x-should-retry` has the last word where the table knows no more than the status: "true" makes an unknown refusal
  /// a passing one, and "false" says that the same request will not pass later either.
  init(refusal response: HTTPResponse, inputCount: Int, now: Date) {
    let error = ProviderError(response.body)
    let rule = ErrorRule.first(for: response.status, error)
    let kind: Kind =
      switch (rule.kind, rule.isByStatusAlone, response.headers.shouldRetry) {
      case (.badInput, true, true), (.misconfigured, true, true): .transient
      case (.transient, true, false): .badInput
      case (.rateLimited, true, false): .quotaExhausted
      case (let kind, _, _): kind
      }
    self.init(
      kind, rule.meaning, status: response.status, code: error.code ?? error.type,
      requestID: response.headers.requestID, retryAfter: response.headers.retryAfter(now: now) ?? error.retryAfter,
      badIndex: kind == .badInput ? error.badIndex(inputCount: inputCount) : nil,
      mayHaveBeenBilled: rule.mayHaveBeenBilled,
      rateLimits: RateLimitHints(response.headers).tightened(by: error.rateLimits))
  }
}
