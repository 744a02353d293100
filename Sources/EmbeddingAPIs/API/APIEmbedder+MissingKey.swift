import Backfill
import Foundation

extension APIEmbedder {
  /// `failure` as it is, or the likely cause of it: no key is sent to a server that needs one.
  ///
  /// LiteLLM fails on a request without a key before it answers, and its web server says no more than that. A server that
  /// fails on a text can say the same: so a harmless one is asked for first, unless that is what failed.
  func withLikelyCause(
    _ failure: EmbeddingFailure, _ response: HTTPResponse, to texts: [String]
  ) async throws(EmbeddingFailure) -> EmbeddingFailure {
    guard isAsWithoutKey(response), habits.withLock({ !$0.hasAnswered }) else { return failure }
    if texts != Input.harmless.texts {
      let encoding = habits.withLock(\.encoding)
      let (second, verdict) = try await ask(Input.harmless.texts, as: .document, encoding)
      if case .answered = verdict { habits.withLock { _ = $0.answered(to: encoding) } }
      guard isAsWithoutKey(second) else { return failure }
    }
    var cause = EmbeddingFailure(
      .denied, "it fails on every request and no key is sent: gateways such as LiteLLM do so where the key is missing",
      status: failure.status, requestID: failure.requestID, rateLimits: failure.rateLimits)
    cause.isOfUntriedServer = failure.isOfUntriedServer
    cause.serverMessage = failure.serverMessage
    return cause
  }

  /// Whether the server's application failed before it began an answer, as uvicorn reports it, and no key was sent.
  private func isAsWithoutKey(_ response: HTTPResponse) -> Bool {
    let sendsKey = options.apiKey != nil || options.headers.contains { $0.name.lowercased() == "authorization" }
    return !sendsKey && response.status == 500 && response.headers["content-type"]?.hasPrefix("text/plain") == true
      && response.headers["connection"]?.lowercased() == "close"
      && response.body.elementsEqual("Internal Server Error".utf8)
  }
}
