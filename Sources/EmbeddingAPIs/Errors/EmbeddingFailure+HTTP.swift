import Backfill
import Foundation

extension EmbeddingFailure {
  /// Judges a request that brought no reply.
  init(_ failure: HTTPFailure) {
    let kind: Kind =
      switch failure.cause {
      case .unreachable: .unreachable
      case .interrupted: .transient
      case .timedOut: .timedOut
      case .misconfigured: .misconfigured
      case .cancelled: .cancelled
      }
    self.init(kind, failure.reason, mayHaveBeenBilled: failure.wasSent)
    isOfUntriedServer = !failure.isOfProvenConnection
  }

  /// Judges a reply of a status outside the 200s, by `ErrorRule.table`; also one inside that holds an error in place of
  /// vectors, by the status that the error gives or stands for. Nil for one whose error says nothing known.
  ///
  /// `x-should-retry` has the last word where the table knows no more than the status: "true" makes an unknown refusal
  /// a passing one, and "false" says that the same request will not pass later either. A rate limit passes in any case.
  init?(refusal response: HTTPResponse, _ error: ProviderError, _ redaction: Redaction, address: String, now: Date) {
    let isErrorInReply = response.isSuccess
    let status = isErrorInReply ? error.status ?? 200 : response.status
    guard let rule = ErrorRule.first(for: status, error) else { return nil }
    let kind: Kind =
      switch (rule.kind, rule.isByStatusAlone, response.headers.shouldRetry) {
      case (.badInput, true, true), (.misconfigured, true, true), (.unrecognized, true, true): .transient
      case (.transient, true, false): .badInput
      case (let kind, _, _): kind
      }
    var reason = rule.meaning
    if rule.isByStatusAlone, [404, 405].contains(status) {
      let hasVersion = address.contains(/\/(?:v\d\w*|openai)(?:\/|$)/)
      reason += hasVersion ? ": check the base URL and the model's name" : ": does the base URL need /v1?"
    }
    if (300...399).contains(status), let place = response.headers.redirection(from: address, redaction) {
      reason = "it redirects to \(place), which is not followed: check the base URL"
    }
    if isErrorInReply {
      reason += " (an error\(error.status.map { " \($0)" } ?? "") in a reply of status \(response.status))"
    }
    let canBeForOneInput = [.badInput, .transient, .forbidden, .misconfigured, .unrecognized].contains(kind)
    self.init(
      kind, reason, status: response.status, code: error.code, requestID: redaction.shown(response.headers.requestID),
      retryAfter: response.headers.retryAfter(now: now) ?? error.retryAfter,
      badIndex: canBeForOneInput ? error.badIndex(inputCount: redaction.textCount) : nil,
      mayHaveBeenBilled: rule.mayHaveBeenBilled || isErrorInReply && !(400...499).contains(status),
      rateLimits: RateLimitHints(response.headers).tightened(by: error.rateLimits))
    serverMessage = error.sentence.flatMap(redaction.oneLine)
    // Who refuses the texts in plain words has read them.
    isOfUntriedServer = !response.isOfProvenConnection && (rule.isByStatusAlone || !refusesInputs)
  }
}
