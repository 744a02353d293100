extension EmbeddingFailure {
  /// What a person is told where this failure of `provider`, as its model names it, ends the work.
  ///
  /// - Parameters:
  ///   - isBeforeFirstAnswer: whether the endpoint has answered nothing yet, so that its address may be wrong.
  ///   - asksToWait: a wait that is longer than the run may last.
  package func failure(
    of provider: String, isBeforeFirstAnswer: Bool = false, asksToWait: Duration? = nil
  ) -> Failure {
    let row = kind.failureClass
    var reason = summary
    if let address { reason += ", from \(address)" }
    if let serverMessage { reason += "; the server says: \"\(serverMessage)\"" }
    if let asksToWait { reason += "; it asks to wait \(Int((asksToWait / .seconds(1)).rounded(.up))) s" }
    guard isBeforeFirstAnswer, row.exitCode == .unavailable else {
      return Failure(row.exitCode, provider, reason, remedy: row.remedy)
    }
    return Failure(
      .configuration, provider, "it answered nothing yet, not even a harmless text: \(reason)",
      remedy: "check the base URL, the key and that the server runs, then run the same command again")
  }

  /// What happened, with the status, the code and the request's id, where they are known.
  package var summary: String {
    let details = [status.map { "status \($0)" }, code.map { "code \($0)" }, requestID.map { "request \($0)" }]
      .compactMap(\.self)
    return details.isEmpty ? reason : "\(reason) (\(details.joined(separator: ", ")))"
  }

  /// A row's text is known to be too long, so that it is not even sent.
  package static func tooLong(for model: Model) -> EmbeddingFailure {
    let most = model.maxInputTokens.map { ", \($0) tokens" } ?? ""
    return EmbeddingFailure(.badInput, "the text is longer than the model takes\(most), and was not sent")
  }
}
